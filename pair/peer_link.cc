// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/peer_link.h"

#include <stdexcept>
#include <utility>

#include "io/log.h"

namespace colo {

namespace {

/// What the two must agree on: the meaning of procedures, packets and the migration stream.
constexpr const char* kPairCapability = "colo-pair";
constexpr const char* kPairVersion = "1";

}  // namespace

PeerLinkOptions PeerLinkOptions::secured(ListenAddress address, const LinkSecurity& security) {
    const auto made_for = [&security](TlsRole role) -> MakeTls {
        return [security, role](const ListenAddress& end) {
            security.check(end);
            return security.credentials(role, end);
        };
    };
    return {std::move(address), made_for(TlsRole::kServer), made_for(TlsRole::kClient)};
}

PeerLink::PeerLink(EventLoop& loop, FramePool& pool, PeerLinkOptions options, Owner& owner)
    : options_(std::move(options)), owner_(owner), link_(loop, pool, *this) {}

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
    if (link_.session()) say(PeerProcedure::kIdentity, encode(identity_));
}

void PeerLink::set_times(Time heartbeat, Time deadline) {
    heartbeat_ = heartbeat;
    deadline_ = deadline;
    if (LinkSession* session = link_.session()) session->set_times(heartbeat_, deadline_);
}

/// Two that are both the primary meet here, where they were given the same address.
void PeerLink::listen() {
    try {
        link_.listen(endpoint(false, options_.address));
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(std::string(error.what()) + " (a primary listens there, a secondary connects to it)");
    }
}

void PeerLink::listen_at(const ListenAddress& address) {
    if (is_listening() && to_text(address) == to_text(options_.address)) return;
    link_.listen(endpoint(false, address));
    options_.address = address;
}

void PeerLink::connect() { link_.connect(endpoint(true, options_.address)); }

void PeerLink::hang_up(const std::string& why) {
    if (LinkSession* session = link_.session()) session->close({LinkCode::kGoodbye, why});
}

void PeerLink::stop(const std::string& why) {
    const bool was_there = peer_.has_value();
    hang_up(why);
    link_.stop();
    peer_.reset();
    problem_ = why;
    if (was_there) owner_.peer_lost(why);
}

bool PeerLink::say(PeerProcedure procedure, Bytes payload) {
    LinkSession* session = link_.session();
    return session && session->message(static_cast<uint32_t>(procedure), 0, payload);
}

bool PeerLink::say(PeerProcedure procedure, const std::string& text) {
    return say(procedure, bytes_of(text));
}

bool PeerLink::say_after_packets(PeerProcedure procedure, const std::string& text) {
    LinkSession* session = link_.session();
    const PacketHeader header{kMessagePacket, static_cast<uint32_t>(procedure), 0};
    if (session && session->send_packet(header, bytes_of(text)) == PacketResult::kQueued) return true;
    return say(procedure, text);
}

// --- Coming and going ----------------------------------------------------------------------------

void PeerLink::link_failed(const std::string& why) {
    problem_ = why;
    log_warning("link", why);
}

void PeerLink::link_began(LinkSession& session, const std::string& where) {
    where_ = where;
    session.set_times(heartbeat_, deadline_);  // who greets does so by those of its beginning
    session.set_user(*this);
    say(PeerProcedure::kIdentity, encode(identity_));
}

/// Called also when the peer's pair changes.
void PeerLink::introduced(Bytes payload) {
    const auto identity = decode_identity(payload);
    if (!identity) {
        link_.session()->close({LinkCode::kProtocol, "an identity that is malformed"});
        return;
    }
    const bool is_new = !peer_;
    peer_ = identity;
    if (is_new) log_info("link", "up with " + where_);
    owner_.peer_connected(*identity);
}

void PeerLink::link_over(const LinkStatus& status) {
    const bool was_there = peer_.has_value();
    link_.ended();
    peer_.reset();
    const bool is_news = std::exchange(problem_, status.text) != status.text;
    if (was_there || is_news) log_warning("link", status.text);
    if (was_there) owner_.peer_lost(status.text);
}

// --- What comes ----------------------------------------------------------------------------------

void PeerLink::packet(const PacketHeader& header, Frame frame) {
    if (!peer_) return;
    if (header.kind == kMessagePacket)
        return owner_.peer_said(static_cast<PeerProcedure>(header.port), frame.bytes());
    owner_.peer_packet(header, std::move(frame));
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
