// SPDX-License-Identifier: GPL-2.0-or-later
// -netdev tap: a tap interface of this host, which must exist, may be made, or is a helper's. What configures it
// is a script that is named: there is none by default.
#pragma once

#include "filter/netdev_packet.h"

namespace colo {

struct TapOptions {
    std::string ifname;      ///< empty: the system chooses
    bool vnet_hdr = false;   ///< frames carry a virtio_net_hdr
    std::string script;      ///< run with the interface's name when it is there; empty: none
    std::string downscript;  ///< the same before it goes
    std::string helper;      ///< passes the tap, as qemu-bridge-helper does; then nothing above is set
    std::string bridge;      ///< the helper's
};

/// ifname=, vnet_hdr=, script=, downscript=; or helper=, br=. vhost=off.
TapOptions take_tap(OptionReader& options);

class NetdevTap final : public NetdevPacket {
  public:
    /// Throws std::runtime_error that names the netdev, and the interface, script or helper. Waits for these
    /// programs, for at most 30 s each.
    NetdevTap(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
              const TapOptions& options);
    ~NetdevTap() override;

    const char* type() const override { return "tap"; }

  private:
    struct Tap;

    static Tap open_tap(const std::string& what, const TapOptions& options);
    NetdevTap(EventLoop& loop, FramePool& pool, std::string id, std::string peer, Tap tap);

    std::string ifname_;
    std::string downscript_;
};

}  // namespace colo
