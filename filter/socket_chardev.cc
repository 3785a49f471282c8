// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/socket_chardev.h"

namespace colo {

SocketChardev::SocketChardev(EventLoop& loop, FramePool& pool, std::string id,
                             const SocketOptions& options)
    : Chardev(std::move(id)), port_(loop, pool, what(), options, *this) {}

void SocketChardev::port_opened() {
    if (user()) user()->opened();
}

void SocketChardev::port_closed(const std::string& reason) {
    if (user()) user()->closed(reason);
}

}  // namespace colo
