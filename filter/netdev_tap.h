// SPDX-License-Identifier: GPL-2.0-or-later
// -netdev tap: a tap interface of this host, which must exist or may be made. It is not configured: scripts
// are refused.
#pragma once

#include "filter/netdev_packet.h"

namespace colo {

struct TapOptions {
    std::string ifname;     ///< empty: the system chooses
    bool vnet_hdr = false;  ///< frames carry a virtio_net_hdr
};

/// ifname=, script=no, downscript=no, vnet_hdr=
TapOptions take_tap(OptionReader& options);

class NetdevTap final : public NetdevPacket {
  public:
    /// Throws std::runtime_error that names the netdev and the interface.
    NetdevTap(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
              const TapOptions& options);

    const char* type() const override { return "tap"; }

  private:
    struct Tap {
        PacketDevice device;
        std::string ifname;
    };

    static Tap open_tap(const std::string& what, const TapOptions& options);
    NetdevTap(EventLoop& loop, FramePool& pool, std::string id, std::string peer, Tap tap);
};

}  // namespace colo
