// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/peer_link.h"

#include <utility>

#include "io/log.h"

namespace colo {

namespace {

/// What the two must agree on: the meaning of procedures, packets and the migration stream.
constexpr const char* kPairCapability = "colo-pair";
constexpr const char* kPairVersion = "1";

}  // namespace

PeerLink::PeerLink(EventLoop& loop, FramePool& pool, PeerLinkOptions options, Owner& owner)
    : loop_(loop), pool_(pool), options_(std::move(options)), owner_(owner) {}

LinkEndpoint PeerLink::endpoint(bool connects, const ListenAddress& address) const {
    const auto& make_tls = connects ? options_.client_tls : options_.server_tls;
    LinkEndpoint endpoint{address, {}, make_tls ? make_tls(address) : nullptr};
    endpoint.config.name = connects ? "secondary" : "primary";
    endpoint.config.capabilities = {{kPairCapability, kPairVersion, true}};
    endpoint.config.known_capabilities = {kPairCapability};
    endpoint.config.heartbeat_interval = heartbeat_;
    endpoint.config.deadline = deadline_;
    return endpoint;
}

void PeerLink::set_identity(const PeerIdentity& identity) {
    identity_ = identity;
    if (session_) say(PeerProcedure::kIdentity, encode(identity_));
}

void PeerLink::set_times(Time heartbeat, Time deadline) {
    heartbeat_ = heartbeat;
    deadline_ = deadline;
    if (session_) session_->set_times(heartbeat_, deadline_);
}

void PeerLink::listen() {
    connector_.reset();
    listen_for(options_.address);
}

void PeerLink::listen_at(const ListenAddress& address) {
    if (listener_ && to_text(address) == to_text(options_.address)) return;
    listen_for(address);
    connector_.reset();
    options_.address = address;
}

void PeerLink::listen_for(const ListenAddress& address) {
    LinkListener::Owner& owner = *this;
    listener_ = std::make_unique<LinkListener>(loop_, pool_, endpoint(false, address), owner);
}

void PeerLink::connect() {
    LinkConnector::Owner& owner = *this;
    connector_ = std::make_unique<LinkConnector>(loop_, pool_, endpoint(true, options_.address), owner);
}

void PeerLink::hang_up(const std::string& why) {
    if (session_) session_->close({LinkCode::kGoodbye, why});
}

void PeerLink::stop(const std::string& why) {
    const bool was_there = peer_.has_value();
    hang_up(why);
    listener_.reset();
    session_ = nullptr;
    peer_.reset();
    problem_ = why;
    parting_ = after(loop_.context(), 0, [this] {
        accepted_.reset();
        connector_.reset();
    });
    if (was_there) owner_.peer_lost(why);
}

bool PeerLink::say(PeerProcedure procedure, Bytes payload) {
    return session_ && session_->message(static_cast<uint32_t>(procedure), 0, payload);
}

bool PeerLink::say(PeerProcedure procedure, const std::string& text) {
    return say(procedure, bytes_of(text));
}

// --- Coming and going ----------------------------------------------------------------------------

void PeerLink::link_accepted(std::unique_ptr<LinkConnection> connection) {
    const bool is_a_primary = connection->session().peer().name == "primary";
    if (session_ || is_a_primary) {
        const std::string why = is_a_primary ? "this is a primary, too" : "there is a secondary already";
        log_warning("link", connection->where() + " refused: " + why);
        connection->session().close({LinkCode::kRefused, why});
        return;
    }
    accepted_ = std::move(connection);
    begin(accepted_->session(), accepted_->where());
}

void PeerLink::link_refused(const std::string& where, const LinkStatus& why) {
    problem_ = where + " was refused: " + why.text;
    log_warning("link", problem_);
}

void PeerLink::link_connected(LinkConnection& connection) {
    begin(connection.session(), connection.where());
}

void PeerLink::link_failed(const LinkStatus& why) {
    problem_ = why.text;
    log_warning("link", why.text + "; tries again");
}

void PeerLink::begin(LinkSession& session, const std::string& where) {
    session_ = &session;
    where_ = where;
    session.set_times(heartbeat_, deadline_);  // who greets does so by those of its beginning
    session.set_user(*this);
    say(PeerProcedure::kIdentity, encode(identity_));
}

/// Called also when the peer's pair changes.
void PeerLink::introduced(Bytes payload) {
    const auto identity = decode_identity(payload);
    if (!identity) {
        session_->close({LinkCode::kProtocol, "an identity that is malformed"});
        return;
    }
    const bool is_new = !peer_;
    peer_ = identity;
    if (is_new) log_info("link", "up with " + where_);
    owner_.peer_connected(*identity);
}

void PeerLink::link_over(const LinkStatus& status) {
    const bool was_there = peer_.has_value();
    session_ = nullptr;
    peer_.reset();
    problem_ = status.text;
    log_warning("link", status.text);
    if (connector_) connector_->reconnect();
    if (accepted_) parting_ = after(loop_.context(), 0, [this, gone = accepted_.get()] {
        if (accepted_.get() == gone && !session_) accepted_.reset();
    });
    if (was_there) owner_.peer_lost(status.text);
}

// --- What comes ----------------------------------------------------------------------------------

void PeerLink::packet(const PacketHeader& header, Frame frame) {
    if (peer_) owner_.peer_packet(header, std::move(frame));
}

void PeerLink::packets_end() {
    if (peer_) owner_.peer_packets_end();
}

void PeerLink::control_message(const ControlHeader& header, Bytes payload) {
    const auto procedure = static_cast<PeerProcedure>(header.procedure);
    if (procedure == PeerProcedure::kIdentity) return introduced(payload);
    if (peer_) owner_.peer_said(procedure, payload);
}

bool PeerLink::control_call(const ControlHeader& header, Bytes payload) {
    return peer_ && owner_.peer_called(header, payload);
}

void PeerLink::heartbeat(uint32_t, Bytes payload) {
    if (peer_) owner_.peer_heartbeat(payload);
}

void PeerLink::stream_offered(std::unique_ptr<Stream> stream) {
    if (!peer_) return LinkUser::stream_offered(std::move(stream));
    owner_.peer_opened(std::move(stream));
}

}  // namespace colo
