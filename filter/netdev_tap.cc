// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <stdexcept>

#include "io/system_failure.h"

namespace colo {

namespace {

/// virtio_net_hdr without num_buffers, as the kernel has it unless told otherwise.
constexpr uint32_t kTapHeader = 10;

ifreq to_request(const TapOptions& options) {
    ifreq request{};
    options.ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    const int flags = IFF_TAP | IFF_NO_PI | (options.vnet_hdr ? IFF_VNET_HDR : 0);
    request.ifr_flags = static_cast<short>(flags);
    return request;
}

void refuse_script(OptionReader& options, std::string_view key) {
    if (options.take(key, "no") != "no") options.fail(key, "scripts are not run; use no");
}

}  // namespace

NetdevTap::Tap NetdevTap::open_tap(const std::string& what, const TapOptions& options) {
    constexpr const char* kDevice = "/dev/net/tun";
    FileDescriptor fd(open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) throw_errno(what + ": " + kDevice);
    ifreq request = to_request(options);
    const std::string where = what + ": ifname: '" + options.ifname + "'";
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0) throw_errno(where);
    int header = kTapHeader;
    // A lasting interface remembers what its last user told it.
    if (options.vnet_hdr && ioctl(fd.get(), TUNSETVNETHDRSZ, &header) != 0) throw_errno(where);
    // Nor must it hand over what the receiver's end never agreed to: checksums and segments to be done.
    if (ioctl(fd.get(), TUNSETOFFLOAD, 0) != 0) throw_errno(where);
    Tap tap;
    tap.device.fd = std::move(fd);
    tap.device.vnet_header = options.vnet_hdr ? kTapHeader : 0;
    tap.ifname = request.ifr_name;
    return tap;
}

TapOptions take_tap(OptionReader& options) {
    TapOptions tap;
    tap.ifname = options.take("ifname", "");
    if (tap.ifname.size() >= IFNAMSIZ) {
        options.fail("ifname", "'" + tap.ifname + "' is longer than 15 bytes");
    }
    tap.vnet_hdr = options.take_bool("vnet_hdr", false);
    refuse_script(options, "script");
    refuse_script(options, "downscript");
    return tap;
}

NetdevTap::NetdevTap(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
                     const TapOptions& options)
    : NetdevTap(loop, pool, id, std::move(peer), open_tap("netdev '" + id + "'", options)) {}

NetdevTap::NetdevTap(EventLoop& loop, FramePool& pool, std::string id, std::string peer, Tap tap)
    : NetdevPacket(loop, pool, std::move(id), std::move(peer), "tap:" + tap.ifname,
                   std::move(tap.device)) {}

}  // namespace colo
