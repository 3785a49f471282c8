// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_packet.h"

namespace colo {

NetdevPacket::NetdevPacket(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
                           std::string name, PacketDevice device)
    : Netdev(std::move(id), std::move(peer)),
      name_(std::move(name)),
      vnet_header_(device.vnet_header),
      port_(loop, pool, what(), std::move(device), *this) {}

void NetdevPacket::device_lost(const std::string& reason) {
    if (receiver()) receiver()->link_changed(false, reason);
}

}  // namespace colo
