// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_dgram.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "filter/socket_options.h"
#include "io/system_failure.h"

namespace colo {

namespace {

constexpr int kFlags = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

DatagramAddress take_address(OptionReader& options, const std::string& side) {
    const std::string type = options.need(side + ".type");
    if (type == "unix") return {need_socket_path(options, side + ".path"), {}, {}};
    if (type != "inet") options.fail(side + ".type", "'" + type + "' is neither unix nor inet");
    std::string host = options.need(side + ".host");
    return {{}, std::move(host), need_port(options, side + ".port")};
}

std::string to_text(const DatagramAddress& address) {
    return address.path.empty() ? "udp:" + address.host + ":" + address.port
                                : "unix:" + address.path;
}

/// Whether the file is one of a socket that nobody has any more.
bool is_left_behind(const std::string& path, const SocketAddress& address) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const FileDescriptor probe(socket(AF_UNIX, kFlags, 0));
    return connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
}

FileDescriptor bind_path(const std::string& path) {
    const SocketAddress address = unix_address(path);
    FileDescriptor fd(socket(AF_UNIX, kFlags, 0));
    if (is_left_behind(path, address)) unlink(path.c_str());
    if (bind(fd.get(), address.get(), address.size) != 0) throw_errno("unix:" + path);
    return fd;
}

/// The receiver need not be there yet, and may be replaced by another: there is no connecting.
PacketDevice open_unix(const DatagramOptions& options) {
    PacketDevice device;
    device.fd = bind_path(options.local.path);
    device.is_socket = true;
    device.destination = unix_address(options.remote.path);
    return device;
}

/// Connected: others cannot put frames in.
PacketDevice open_inet(const DatagramOptions& options) {
    const SocketAddress remote =
        resolve(options.remote.host, options.remote.port, SOCK_DGRAM).front();
    const SocketAddress local = resolve(options.local.host, options.local.port, SOCK_DGRAM).front();
    PacketDevice device;
    device.fd = FileDescriptor(socket(local.family(), kFlags, 0));
    device.is_socket = true;
    const int fd = device.fd.get();
    if (bind(fd, local.get(), local.size) != 0) throw_errno(to_text(options.local));
    if (connect(fd, remote.get(), remote.size) != 0) throw_errno(to_text(options.remote));
    return device;
}

PacketDevice open_device(const std::string& what, const DatagramOptions& options) {
    try {
        return options.local.path.empty() ? open_inet(options) : open_unix(options);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(what + ": " + error.what());
    }
}

}  // namespace

DatagramOptions take_dgram(OptionReader& options) {
    DatagramOptions result{take_address(options, "local"), take_address(options, "remote")};
    if (result.local.path.empty() != result.remote.path.empty()) {
        options.fail("remote.type", "is another than local.type");
    }
    return result;
}

SocketFile::~SocketFile() {
    if (!path_.empty()) unlink(path_.c_str());
}

NetdevDgram::NetdevDgram(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
                         const DatagramOptions& options)
    : NetdevPacket(loop, pool, id, std::move(peer),
                   to_text(options.local) + "-" + to_text(options.remote),
                   open_device("netdev '" + id + "'", options)),
      file_(options.local.path) {}

}  // namespace colo
