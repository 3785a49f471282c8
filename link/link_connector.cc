// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_connector.h"

#include <algorithm>
#include <utility>

namespace colo {

LinkConnector::LinkConnector(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint,
                             Owner& owner)
    : loop_(loop), pool_(pool), endpoint_(endpoint), owner_(owner), name_(to_text(endpoint.address)) {
    endpoint_.config.connected = true;
    again_ = after(loop_.context(), 0, [this] { attempt(); });
}

void LinkConnector::attempt() {
    again_.reset();
    connection_.reset();
    connecting_ = std::make_unique<SocketConnector>(
        loop_.context(), endpoint_.address,
        [this](FileDescriptor fd, const std::string& error) { connected(std::move(fd), error); });
    connecting_->begin();
}

void LinkConnector::connected(FileDescriptor fd, const std::string& error) {
    connecting_.reset();
    if (!fd) return failed({LinkCode::kLinkLost, "cannot connect to " + name_ + ": " + error});
    LinkUser& user = *this;
    connection_ = std::make_unique<LinkConnection>(loop_, pool_, std::move(fd), name_, endpoint_, user);
}

void LinkConnector::link_up(const Hello&) {
    is_up_ = true;
    up_since_ = loop_.now();
    told_.clear();
    owner_.link_connected(*connection_);
}

/// Before it was up: afterwards the owner's user is told.
void LinkConnector::link_over(const LinkStatus& status) { failed(status); }

void LinkConnector::failed(const LinkStatus& why) {
    later();
    if (std::exchange(told_, why.text) != why.text) owner_.link_failed(why);
}

void LinkConnector::reconnect() {
    is_up_ = false;
    const bool lasted = loop_.now() - up_since_ >= milliseconds(kShortestLinkMs);
    pause_ms_ = lasted ? kFirstPauseMs : std::min(pause_ms_, kShortestLinkMs);
    later();
}

void LinkConnector::later() {
    again_ = after(loop_.context(), pause_ms_, [this] { attempt(); });
    pause_ms_ = std::min(2 * pause_ms_, kLongestPauseMs);
}

}  // namespace colo
