// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/sole_link.h"

#include <utility>

#include "io/log.h"

namespace colo {

void SoleLink::listen(const LinkEndpoint& endpoint) {
    LinkListener::Owner& owner = *this;
    listener_ = std::make_unique<LinkListener>(loop_, pool_, endpoint, owner);
    connector_.reset();
    name_ = listener_->name();
}

void SoleLink::connect(const LinkEndpoint& endpoint) {
    LinkConnector::Owner& owner = *this;
    connector_ = std::make_unique<LinkConnector>(loop_, pool_, endpoint, owner);
    name_ = to_text(endpoint.address);
}

void SoleLink::ended() {
    session_ = nullptr;
    if (connector_) connector_->reconnect();
    if (!accepted_) return;
    parting_ = after(loop_.context(), 0, [this, gone = accepted_.get()] {
        if (accepted_.get() == gone && !session_) accepted_.reset();
    });
}

void SoleLink::stop() {
    listener_.reset();
    session_ = nullptr;
    parting_ = after(loop_.context(), 0, [this] {
        accepted_.reset();
        connector_.reset();
    });
}

void SoleLink::link_accepted(std::unique_ptr<LinkConnection> connection) {
    if (session_) return refuse(*connection);
    accepted_ = std::move(connection);
    begin(*accepted_);
}

/// Who is refused tries again each second.
void SoleLink::refuse(LinkConnection& connection) {
    const char* why = "there is a peer already";
    if (!std::exchange(has_refused_, true)) log_warning("link", connection.where() + " refused: " + why);
    connection.session().close({LinkCode::kRefused, why});
}

void SoleLink::link_refused(const std::string& where, const LinkStatus& why) {
    owner_.link_failed(where + " was refused: " + why.text);
}

void SoleLink::link_connected(LinkConnection& connection) { begin(connection); }

void SoleLink::link_failed(const LinkStatus& why) { owner_.link_failed(why.text + "; tries again"); }

void SoleLink::begin(LinkConnection& connection) {
    session_ = &connection.session();
    has_refused_ = false;
    owner_.link_began(*session_, connection.where());
}

}  // namespace colo
