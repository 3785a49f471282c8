// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/pair_arguments.h"

#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

#include "io/option_string.h"
#include "link/link_endpoint.h"

namespace colo {

namespace {

using NicArguments = PairArguments::NicArguments;

[[noreturn]] void fail(std::string_view name, const std::string& problem) {
    throw std::invalid_argument(std::string(name) + ": " + problem);
}

/// By the keys' names.
std::map<std::string_view, std::string*> paths_of(NicArguments& nic) {
    return {{"guest-in", &nic.guest_in}, {"guest-out", &nic.guest_out}, {"net-in", &nic.net_in},
            {"net-out", &nic.net_out},   {"uplink", &nic.uplink},       {"vm", &nic.vm}};
}

NicArguments parse_nic(const std::string& text) {
    NicArguments nic;
    nic.given = text;
    const auto paths = paths_of(nic);
    for (const Option& option : parse_options(text, "")) {
        const auto path = paths.find(option.key);
        if (path == paths.end()) {
            fail("--nic", "'" + clipped(option.key) + "': vm=PATH,uplink=..., or guest-out=PATH,guest-in=PATH,"
                          "net-out=PATH,net-in=PATH is needed");
        }
        *path->second = option.value;
    }
    return nic;
}

[[noreturn]] void fail(const NicArguments& nic, const std::string& key, const std::string& problem) {
    if (nic.given.empty()) throw std::invalid_argument("--" + key + problem);
    fail("--nic", "'" + clipped(nic.given) + "': " + key + "=" + problem);
}

void check_redirected(NicArguments nic, Role role) {
    if (!nic.vm.empty() || !nic.uplink.empty())
        fail(nic, nic.vm.empty() ? "uplink" : "vm", " excludes guest-out=, guest-in=, net-out= and net-in=");
    std::map<std::string, std::string_view> seen;
    for (const auto& [key, path] : paths_of(nic)) {
        if (key == "vm" || key == "uplink") continue;
        const bool may_be_missing = key == "guest-in" && role == Role::kPrimary;
        if (path->empty() && !may_be_missing) fail(nic, std::string(key), " is missing");
        const auto [other, is_new] = seen.emplace(*path, key);
        if (!is_new) fail(nic, std::string(key), " and " + std::string(other->second) + "= are the same");
    }
}

void check_nic(const NicArguments& nic, Role role) {
    if (nic.is_redirected()) return check_redirected(nic, role);
    if (nic.vm.empty()) fail(nic, "vm", " is missing");
    if (nic.uplink.empty()) fail(nic, "uplink", " is missing");
    for (const std::string_view kind : {"tap:", "unix:"}) {
        if (nic.uplink.starts_with(kind) && nic.uplink.size() > kind.size()) return;
    }
    fail(nic, "uplink", ": '" + clipped(nic.uplink) + "': tap:IFNAME or unix:PATH is needed");
}

/// Fills `arguments` from the command line.
class Parser {
  public:
    explicit Parser(PairArguments& arguments) : arguments_(arguments) {}

    void parse(int argc, char** argv) {
        for (int i = 1; i < argc; ++i) {
            const std::string_view argument = argv[i];
            const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string_view::npos;
            const std::string_view name = argument.substr(0, equals);
            if (const auto flag = flags_.find(name); flag != flags_.end()) {
                if (equals != std::string_view::npos) fail(name, "takes no value");
                *flag->second = true;
                continue;
            }
            const auto option = options_.find(name);
            if (option == options_.end()) throw std::invalid_argument("'" + std::string(name) + "': invalid option");
            if (equals == std::string_view::npos && ++i == argc) fail(name, "requires an argument");
            const std::string value = equals == std::string_view::npos ? argv[i]
                                                                      : std::string(argument.substr(equals + 1));
            if (value.empty()) fail(name, "requires an argument");
            option->second(value);
        }
        finish();
    }

  private:
    using Take = std::function<void(const std::string& value)>;

    Take once(const char* name, std::string& place) {
        return [name, &place](const std::string& value) {
            if (!place.empty()) fail(name, "given twice");
            place = value;
        };
    }
    template <typename Enumerator>
    Take choice(const char* name, const char* no, const char* yes, Enumerator& place) {
        return [=, &place](const std::string& value) {
            if (value != no && value != yes) fail(name, "'" + clipped(value) + "' is neither " + no + " nor " + yes);
            place = value == yes;
        };
    }

    void finish() {
        const bool has_first = !first_.vm.empty() || !first_.uplink.empty();
        if (has_first || arguments_.nics.empty()) arguments_.nics.insert(arguments_.nics.begin(), first_);
        for (const NicArguments& nic : arguments_.nics) check_nic(nic, arguments_.role);
        if (link_.empty()) throw std::invalid_argument("--link is missing");
        arguments_.link = parse_link_address(link_);
        if (arguments_.qmp.empty()) throw std::invalid_argument("--qmp is missing");
        const bool is_primary = arguments_.role == Role::kPrimary;
        if (is_primary && arguments_.migrate.empty()) throw std::invalid_argument("--migrate is missing");
        if (!is_primary && arguments_.incoming.empty()) throw std::invalid_argument("--incoming is missing");
        arguments_.security.check(arguments_.link);
    }

    PairArguments& arguments_;
    NicArguments first_;
    std::string link_;
    const std::map<std::string_view, bool*> flags_{
        {"--disk-external", &arguments_.disk_is_external},
        {"--insecure", &arguments_.security.is_insecure},
        {"--start", &arguments_.starts},
    };
    const std::map<std::string_view, Take> options_{
        {"--failover", choice("--failover", "manual", "auto", arguments_.survival.is_automatic)},
        {"--fence", once("--fence", arguments_.survival.fence_command)},
        {"--incoming", once("--incoming", arguments_.incoming)},
        {"--link", once("--link", link_)},
        {"--metrics", once("--metrics", arguments_.metrics)},
        {"--migrate", once("--migrate", arguments_.migrate)},
        {"--monitor", once("--monitor", arguments_.monitor)},
        {"--nic", [this](const std::string& value) { arguments_.nics.push_back(parse_nic(value)); }},
        {"--on-link-loss", choice("--on-link-loss", "hold", "solo", arguments_.survival.goes_solo)},
        {"--qmp", once("--qmp", arguments_.qmp)},
        {"--set", [this](const std::string& value) {
             try {
                 arguments_.settings.set(value);
             } catch (const std::invalid_argument& error) {
                 fail("--set", error.what());
             }
         }},
        {"--text-monitor", once("--text-monitor", arguments_.text_monitor)},
        {"--tls-allow", [this](const std::string& value) { arguments_.security.allow.push_back(value); }},
        {"--tls-creds", once("--tls-creds", arguments_.security.creds)},
        {"--tls-peer", once("--tls-peer", arguments_.security.peer)},
        {"--uplink", once("--uplink", first_.uplink)},
        {"--vm", once("--vm", first_.vm)},
    };
};

}  // namespace

PairArguments parse_pair_arguments(int argc, char** argv) {
    PairArguments arguments;
    arguments.role = std::string_view(argv[0]) == "secondary" ? Role::kSecondary : Role::kPrimary;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        arguments.help = arguments.help || argument == "-h" || argument == "--help";
    }
    if (!arguments.help) Parser(arguments).parse(argc, argv);
    return arguments;
}

std::string absolute_path(const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).string();
}

}  // namespace colo
