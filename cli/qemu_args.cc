// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/qemu_args.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "io/option_string.h"
#include "monitor/json_value.h"
#include "packet/address.h"

namespace colo {

namespace {

using Lines = std::vector<std::string>;

/// A word of our own and its value, taken out of the command line.
bool take(std::string_view name, const std::vector<std::string>& words, size_t& i, std::string& value) {
    const std::string& word = words[i];
    if (!word.starts_with(name)) return false;
    if (word.size() > name.size() && word[name.size()] == '=') {
        value = word.substr(name.size() + 1);
    } else if (word.size() != name.size()) {
        return false;
    } else {
        value = ++i < words.size() ? words[i] : "";
    }
    if (value.empty()) throw std::invalid_argument(std::string(name) + ": requires an argument");
    return true;
}

QemuArgs::Disk parse_disk(const std::string& text) {
    QemuArgs::Disk disk;
    for (const Option& option : parse_options(text, "file")) {
        if (option.key == "file") {
            disk.file = option.value;
        } else if (option.key == "format") {
            disk.format = option.value;
        } else {
            throw std::invalid_argument("--disk: '" + clipped(option.key) + "': FILE[,format=FORMAT] is needed");
        }
    }
    if (disk.file.empty()) throw std::invalid_argument("--disk: the file is missing");
    return disk;
}

void parse_nbd(QemuArgs& args, const std::string& text) {
    const size_t colon = text.rfind(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == text.size()) {
        throw std::invalid_argument("--nbd: '" + clipped(text) + "': HOST:PORT is needed");
    }
    args.nbd_host = text.substr(0, colon);
    args.nbd_port = text.substr(colon + 1);
    if (args.nbd_host.starts_with('[') && args.nbd_host.ends_with(']')) {
        args.nbd_host = args.nbd_host.substr(1, args.nbd_host.size() - 2);
    }
}

void check_mac(const std::string& text) {
    constexpr size_t kSize = 17;  // two digits an octet: what parse_mac() takes besides, QEMU might not
    const auto mac = text.size() == kSize && text.find('-') == std::string::npos ? parse_mac(text) : std::nullopt;
    if (!mac) throw std::invalid_argument("--mac: '" + clipped(text) + "': six hex octets with colons are needed");
    if (mac->front() & 1) throw std::invalid_argument("--mac: '" + text + "' is a multicast address");
}

void check(const QemuArgs& args) {
    if (!args.macs.empty() && args.macs.size() != args.pair.nics.size()) {
        throw std::invalid_argument("--mac: one for each NIC is needed");
    }
    for (const std::string& mac : args.macs) check_mac(mac);
    if (!args.disks.empty() && args.pair.disk_is_external) {
        throw std::invalid_argument("--disk: not with --disk-external: such disks are not QEMU's to replicate");
    }
    if (args.disks.empty() == args.nbd_host.empty()) return;
    throw std::invalid_argument(args.disks.empty() ? "--nbd needs --disk"
                                                   : "--disk needs --nbd HOST:PORT, of the secondary's host");
}

/// A value within QEMU's option strings.
std::string value(const std::string& text) {
    std::string doubled;
    for (const char c : text) doubled.append(c == ',' ? 2 : 1, c);
    return doubled;
}

/// A word of the shell.
std::string quoted(const std::string& word) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    return text + "'";
}

std::string option(const std::string& name, const std::string& argument) {
    return name + " " + quoted(argument);
}

std::string json(const std::string& text) { return to_line(Json(text)); }

std::string command(const std::string& name, const std::string& arguments) {
    return "#   {\"execute\": \"" + name + "\"" + (arguments.empty() ? "" : ", \"arguments\": {" + arguments + "}") +
           "}";
}

std::string image(const std::string& prefix, const std::string& file, const std::string& format) {
    return prefix + "driver=" + value(format) + "," + prefix + "file.driver=file," + prefix +
           "file.filename=" + value(absolute_path(file));
}

std::string quorum(const std::string& number, const std::string& child) {
    return option("-drive", "if=virtio,id=colo-disk" + number +
                                ",driver=quorum,read-pattern=fifo,vote-threshold=1," + child);
}

/// As QEMU's docs/block-replication.txt has it: the secondary writes to "active", keeps in "hidden" what
/// the primary has overwritten, and at a checkpoint empties both.
class DiskLines {
  public:
    explicit DiskLines(const QemuArgs& args) : args_(args) {}

    void options(Lines& lines) const {
        each([&](const QemuArgs::Disk& disk, const std::string& number) {
            if (is_primary()) {
                lines.push_back(quorum(number, image("children.0.", disk.file, disk.format)));
                return;
            }
            lines.push_back(
                option("-drive", "if=none,id=colo-parent" + number + "," + image("", disk.file, disk.format)));
            lines.push_back(option("-drive", replica(disk, number)));
            lines.push_back(quorum(number, "children.0=colo-replica" + number));
        });
    }

    void comments(Lines& lines) const {
        if (args_.disks.empty()) return;
        is_primary() ? primary(lines) : secondary(lines);
    }

  private:
    bool is_primary() const { return args_.pair.role == Role::kPrimary; }

    template <typename Do>
    void each(Do&& visit) const {
        for (size_t i = 0; i < args_.disks.size(); ++i) visit(args_.disks[i], std::to_string(i));
    }

    static std::string replica(const QemuArgs::Disk& disk, const std::string& number) {
        return "if=none,id=colo-replica" + number + ",driver=replication,mode=secondary,top-id=colo-disk" + number +
               "," + image("file.", disk.file + ".active", "qcow2") + "," +
               image("file.backing.", disk.file + ".hidden", "qcow2") + ",file.backing.backing=colo-parent" + number;
    }

    std::string address() const {
        return "\"host\": " + json(args_.nbd_host) + ", \"port\": " + json(args_.nbd_port);
    }

    void primary(Lines& lines) const {
        lines.push_back("# Once the secondary's QEMU serves its disks, before colo-proxy-start, to this QEMU:");
        each([&](const QemuArgs::Disk&, const std::string& number) {
            lines.push_back(command("blockdev-add", "\"driver\": \"replication\", \"mode\": \"primary\", "
                                    "\"node-name\": \"colo-replica" + number + "\", \"file\": {\"driver\": \"nbd\", "
                                    "\"export\": \"colo-parent" + number + "\", \"server\": {\"type\": \"inet\", " +
                                    address() + "}}"));
            lines.push_back(command("x-blockdev-change", "\"parent\": \"colo-disk" + number +
                                    "\", \"node\": \"colo-replica" + number + "\""));
        });
        lines.push_back("# After a failover to this QEMU, and before another secondary:");
        each([&](const QemuArgs::Disk&, const std::string& number) {
            lines.push_back(command("x-blockdev-change", "\"parent\": \"colo-disk" + number +
                                    "\", \"child\": \"children.1\""));
            lines.push_back(command("blockdev-del", "\"node-name\": \"colo-replica" + number + "\""));
        });
    }

    void secondary(Lines& lines) const {
        lines.push_back("# Before this QEMU is started; the disks themselves are copies of the primary's:");
        each([&](const QemuArgs::Disk& disk, const std::string&) {
            for (const char* kind : {".active", ".hidden"}) {
                const std::string file = quoted(absolute_path(disk.file + kind));
                lines.push_back("#   qemu-img create -q -f qcow2 -F " + quoted(disk.format) + " -b " +
                                quoted(absolute_path(disk.file)) + " " + file + " && qemu-img rebase -u -b '' " + file);
            }
        });
        lines.push_back("# Before the primary's are given their replicas, to this QEMU (NBD is in the clear; "
                        "colo-proxy tunnel encrypts it):");
        lines.push_back(command("nbd-server-start", "\"addr\": {\"type\": \"inet\", \"data\": {" + address() + "}}"));
        each([&](const QemuArgs::Disk&, const std::string& number) {
            lines.push_back(command("nbd-server-add", "\"device\": \"colo-parent" + number + "\", \"writable\": true"));
        });
        lines.push_back("# After a failover to this QEMU:");
        lines.push_back(command("nbd-server-stop", ""));
    }

    const QemuArgs& args_;
};

struct Redirection {
    const char* type;
    const char* name;
    const char* queue;
    const char* device;
    const std::string& path;
};

void redirect(Lines& lines, const std::string& netdev, const Redirection& way) {
    const std::string id = netdev + "-" + way.name;
    lines.push_back(option("-chardev", "socket,id=" + id + ",path=" + value(absolute_path(way.path)) + ",reconnect=1"));
    lines.push_back(option("-object", std::string(way.type) + ",id=" + id + "-filter,netdev=" + netdev + ",queue=" +
                                          way.queue + "," + way.device + "=" + id));
}

/// Within a queue what enters behind a redirector must not leave by it again: those of queue=tx stand in the order
/// in which frames pass them, those of queue=rx in the reverse one.
Lines redirecting_options(const PairArguments::NicArguments& nic, const std::string& netdev) {
    constexpr const char* kRedirector = "filter-redirector";
    const bool mirrors = nic.guest_in.empty();
    Lines lines;
    redirect(lines, netdev, {kRedirector, "net-in", "rx", "indev", nic.net_in});
    redirect(lines, netdev, {kRedirector, "guest-out", "rx", "outdev", nic.guest_out});
    redirect(lines, netdev, {mirrors ? "filter-mirror" : kRedirector, "net-out", "tx", "outdev", nic.net_out});
    if (!mirrors) redirect(lines, netdev, {kRedirector, "guest-in", "tx", "indev", nic.guest_in});
    return lines;
}

Lines netdev_options(const PairArguments::NicArguments& nic, const std::string& id) {
    if (nic.is_redirected()) return redirecting_options(nic, id);
    return {option("-netdev", "stream,id=" + id + ",server=off,addr.type=unix,addr.path=" +
                                  value(absolute_path(nic.vm)))};
}

Lines nic_options(const QemuArgs& args) {
    Lines lines;
    for (size_t i = 0; i < args.pair.nics.size(); ++i) {
        const std::string id = "colo-net" + std::to_string(i);
        for (std::string& line : netdev_options(args.pair.nics[i], id)) lines.push_back(std::move(line));
        if (args.macs.empty()) continue;
        lines.push_back(option("-device", "virtio-net-pci,netdev=" + id + ",mac=" + value(args.macs[i])));
    }
    return lines;
}

}  // namespace

QemuArgs parse_qemu_args(int argc, char** argv) {
    QemuArgs args;
    const std::vector<std::string> words(argv + 1, argv + argc);
    args.help = std::find(words.begin(), words.end(), "--help") != words.end() ||
                std::find(words.begin(), words.end(), "-h") != words.end();
    if (args.help) return args;
    if (words.empty() || (words[0] != "primary" && words[0] != "secondary")) {
        throw std::invalid_argument("primary or secondary is needed");
    }
    std::vector<char*> others{argv[1]};
    std::string found;
    for (size_t i = 1; i < words.size(); ++i) {
        char* word = argv[i + 1];
        if (take("--disk", words, i, found)) {
            args.disks.push_back(parse_disk(found));
        } else if (take("--mac", words, i, found)) {
            args.macs.push_back(found);
        } else if (take("--nbd", words, i, found)) {
            parse_nbd(args, found);
        } else {
            others.push_back(word);
        }
    }
    const int count = static_cast<int>(others.size());
    others.push_back(nullptr);
    args.pair = parse_pair_arguments(count, others.data());
    check(args);
    return args;
}

std::string to_text(const QemuArgs& args) {
    const DiskLines disks(args);
    Lines lines{option("-qmp", "unix:" + value(absolute_path(args.pair.qmp)) + ",server=on,wait=off")};
    for (std::string& line : nic_options(args)) lines.push_back(std::move(line));
    disks.options(lines);
    if (args.pair.role == Role::kSecondary) {
        lines.push_back(option("-incoming", "unix:" + absolute_path(args.pair.incoming)));
    }
    std::string text;
    for (const std::string& line : lines) text += line + (&line == &lines.back() ? "\n" : " \\\n");
    Lines comments;
    disks.comments(comments);
    for (const std::string& line : comments) text += line + "\n";
    return text;
}

}  // namespace colo
