// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_stream.h"

namespace colo {

NetdevStream::NetdevStream(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
                           const SocketOptions& options)
    : Netdev(std::move(id), std::move(peer)), port_(loop, pool, what(), options, *this) {}

void NetdevStream::receiver_changed(NetdevReceiver* receiver) {
    port_.stream().set_sink(receiver);
    port_.stream().set_framing(Framing::kPlain, Framing::kPlain);
}

void NetdevStream::port_opened() {
    if (receiver()) receiver()->link_changed(true, "connected");
}

void NetdevStream::port_closed(const std::string& reason) {
    if (receiver()) receiver()->link_changed(false, reason);
}

}  // namespace colo
