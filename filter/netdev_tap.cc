// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <stdexcept>

#include "filter/bridge_helper.h"
#include "io/child_process.h"
#include "io/log.h"
#include "io/system_failure.h"

namespace colo {

namespace {

/// virtio_net_hdr without num_buffers, as the kernel has it unless told otherwise.
constexpr uint32_t kTapHeader = 10;
constexpr Time kScriptDeadline = seconds(30);

ifreq to_request(const TapOptions& options) {
    ifreq request{};
    options.ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    const int flags = IFF_TAP | IFF_NO_PI | (options.vnet_hdr ? IFF_VNET_HDR : 0);
    request.ifr_flags = static_cast<short>(flags);
    return request;
}

FileDescriptor make_tap(const std::string& what, const TapOptions& options) {
    constexpr const char* kDevice = "/dev/net/tun";
    FileDescriptor fd(open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) throw_errno(what + ": " + kDevice);
    ifreq request = to_request(options);
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0) throw_errno(what + ": ifname: '" + options.ifname + "'");
    return fd;
}

FileDescriptor take_helpers_tap(const std::string& what, const TapOptions& options) {
    try {
        return run_bridge_helper(options.helper, options.bridge, kScriptDeadline);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(what + ": helper: " + error.what());
    }
}

/// Empty, or what went wrong.
std::string run_script(const std::string& key, const std::string& path, const std::string& ifname) {
    if (path.empty()) return {};
    const std::string problem = run_to_end({path, ifname}, kScriptDeadline);
    return problem.empty() ? problem : key + ": '" + path + "' for " + ifname + ": " + problem;
}

/// QEMU would run one of its own when none is named.
std::string take_script(OptionReader& options, std::string_view key) {
    const std::string path = options.take(key, "no");
    return path == "no" ? std::string() : path;
}

void take_helper(OptionReader& options, TapOptions& tap) {
    if (!options.has("helper")) {
        if (options.has("br")) options.fail("br", "is a helper's, and there is no helper");
        return;
    }
    for (const char* key : {"ifname", "script", "downscript", "vnet_hdr"}) {
        if (options.has(key)) options.fail("helper", std::string("and ") + key + " exclude each other");
    }
    tap.helper = options.need("helper");
    tap.bridge = options.has("br") ? options.need("br") : "br0";
}

}  // namespace

struct NetdevTap::Tap {
    PacketDevice device;
    std::string ifname;
    std::string downscript;
};

NetdevTap::Tap NetdevTap::open_tap(const std::string& what, const TapOptions& options) {
    FileDescriptor fd = options.helper.empty() ? make_tap(what, options) : take_helpers_tap(what, options);
    const std::string where = what + (options.helper.empty() ? ": ifname: '" + options.ifname + "'"
                                                             : ": helper: '" + options.helper + "': its tap");
    ifreq request{};
    if (ioctl(fd.get(), TUNGETIFF, &request) != 0) throw_errno(where);
    const bool has_header = (request.ifr_flags & IFF_VNET_HDR) != 0;
    int header = kTapHeader;
    // A lasting interface remembers what its last user told it.
    if (has_header && ioctl(fd.get(), TUNSETVNETHDRSZ, &header) != 0) throw_errno(where);
    // Nor must it hand over what the receiver's end never agreed to: checksums and segments to be done.
    if (ioctl(fd.get(), TUNSETOFFLOAD, 0) != 0) throw_errno(where);
    Tap tap;
    tap.device.fd = std::move(fd);
    tap.device.vnet_header = has_header ? kTapHeader : 0;
    tap.ifname = request.ifr_name;
    tap.downscript = options.downscript;
    const std::string problem = run_script("script", options.script, tap.ifname);
    if (!problem.empty()) throw std::runtime_error(what + ": " + problem);
    return tap;
}

TapOptions take_tap(OptionReader& options) {
    TapOptions tap;
    take_helper(options, tap);
    tap.ifname = options.take("ifname", "");
    if (tap.ifname.size() >= IFNAMSIZ) {
        options.fail("ifname", "'" + tap.ifname + "' is longer than 15 bytes");
    }
    tap.vnet_hdr = options.take_bool("vnet_hdr", false);
    tap.script = take_script(options, "script");
    tap.downscript = take_script(options, "downscript");
    if (options.take_bool("vhost", false)) {
        options.fail("vhost", "must be off: the kernel would carry the frames, and none would come by here");
    }
    return tap;
}

NetdevTap::NetdevTap(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
                     const TapOptions& options)
    : NetdevTap(loop, pool, id, std::move(peer), open_tap("netdev '" + id + "'", options)) {}

NetdevTap::NetdevTap(EventLoop& loop, FramePool& pool, std::string id, std::string peer, Tap tap)
    : NetdevPacket(loop, pool, std::move(id), std::move(peer), "tap:" + tap.ifname,
                   std::move(tap.device)),
      ifname_(std::move(tap.ifname)),
      downscript_(std::move(tap.downscript)) {}

/// The interface is still there.
NetdevTap::~NetdevTap() {
    const std::string problem = run_script("downscript", downscript_, ifname_);
    if (!problem.empty()) log_warning(what(), problem);
}

}  // namespace colo
