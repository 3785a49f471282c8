// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/colo_link.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "filter/host.h"
#include "filter/link_message.h"
#include "filter/object_type.h"
#include "io/log.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

/// What both must agree on: the meaning of packets and control messages.
constexpr const char* kCapability = "colo-filters";
constexpr const char* kVersion = "1";

}  // namespace

ColoLink::ColoLink(FilterHost& host, std::string id, OptionReader& options)
    : Object("colo-link", std::move(id)),
      host_(host),
      socket_(take_link_socket(options)),
      expected_{options.take("tls-peer", ""), {}},
      is_insecure_(options.take_bool("insecure", false)),
      link_(host.loop(), host.pool(), *this) {
    if (const auto allowed = options.take("tls-allow")) expected_.allowed.push_back(*allowed);
    const bool has_tls = !socket_.tls_creds.empty();
    if (has_tls && is_insecure_) options.fail("insecure", "and tls-creds exclude each other");
    if (!has_tls && !(expected_.name.empty() && expected_.allowed.empty()))
        options.fail("tls-creds", "is missing: tls-peer and tls-allow need it");
    if (!has_tls && !is_insecure_ && socket_.address.kind == ListenAddress::Kind::kTcp)
        options.fail("tls-creds", "a TCP link without it is not encrypted: insecure=on allows that");
}

ColoLink::~ColoLink() {
    if (LinkSession* session = link_.session()) session->close({LinkCode::kGoodbye, what() + " was removed"});
}

LinkEndpoint ColoLink::endpoint() const {
    LinkEndpoint endpoint{socket_.address, {}, {}};
    endpoint.config.name = id();
    endpoint.config.capabilities = {{kCapability, kVersion, true}};
    endpoint.config.known_capabilities = {kCapability};
    if (!socket_.tls_creds.empty()) endpoint.tls = tls_credentials(host_, what(), socket_, expected_);
    return endpoint;
}

void ColoLink::complete() {
    const LinkEndpoint to = endpoint();
    if (!socket_.is_server) return link_.connect(to);
    try {
        link_.listen(to);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(what() + ": " + error.what());
    }
}

bool ColoLink::is_in_use() const {
    for (const auto& [number, nic] : nics_) {
        if (nic->is_in_use()) return true;
    }
    return false;
}

LinkNic& ColoLink::nic(uint32_t number) {
    auto& nic = nics_[number];
    if (!nic) nic = std::make_unique<LinkNic>(link_, id(), number);
    return *nic;
}

// --- Coming and going

void ColoLink::link_began(LinkSession& session, const std::string& where) {
    session.set_user(*this);
    log_info(what(), "up with " + session.peer_name() + " (" + where + ")");
    problem_.clear();
    changed(true, "");
}

void ColoLink::link_failed(const std::string& why) {
    problem_ = why;
    log_warning(what(), why);
}

void ColoLink::link_over(const LinkStatus& status) {
    problem_ = status.text;
    log_warning(what(), status.text);
    link_.ended();
    changed(false, status.text);
}

void ColoLink::changed(bool up, const std::string& reason) {
    state_ = up ? "connected" : "lost";
    for (const auto& [number, nic] : nics_) nic->link_changed(up, reason);
    host_.emit("COLO_PROXY_PEER", Json{{"state", state_}, {"reason", reason}, {"object", id()}});
}

// --- What comes

void ColoLink::packet(const PacketHeader& header, Frame frame) {
    const auto found = nics_.find(header.port);
    if (found == nics_.end()) {
        ++unclaimed_;
        return;
    }
    const std::string wrong = take(*found->second, header, std::move(frame));
    if (!wrong.empty()) link_.session()->close({LinkCode::kProtocol, "the peer sent " + wrong});
}

std::string ColoLink::take(LinkNic& nic, const PacketHeader& header, Frame&& frame) {
    const Time now = host_.loop().now();
    switch (header.kind) {
        case static_cast<uint32_t>(PacketKind::kFrame):
            return nic.take_frame(std::move(frame), header.epoch, now);
        case kVnetFramePacket:
            return nic.take_vnet_frame(std::move(frame), header.epoch, now);
        case static_cast<uint32_t>(PacketKind::kOffsets):
            return nic.take_offsets(frame.bytes(), header.epoch, now);
        case kQuestionPacket:
            return nic.take_question(std::move(frame), now);
        case static_cast<uint32_t>(PacketKind::kFence):
            nic.take_mark(header.epoch);
            return {};
        default:
            return "a packet of kind " + std::to_string(header.kind);
    }
}

void ColoLink::packets_end() {
    for (const auto& [number, nic] : nics_) nic->batch_end(host_.loop().now());
}

/// A checkpoint is one for all NICs.
void ColoLink::control_message(const ControlHeader& header, Bytes payload) {
    if (header.procedure != kWantsCheckpointMessage) {
        link_.session()->close({LinkCode::kProtocol, "the peer sent control message " + std::to_string(header.procedure)});
        return;
    }
    const std::string why = printable(text_of(payload.first(std::min<size_t>(payload.size(), kMaxTextBytes))));
    log_info(what(), "the peer wants a checkpoint: " + why);
    for (const auto& [number, nic] : nics_) {
        if (nic->wants_checkpoint(why)) return;
    }
    ++unanswered_;
    log_warning(what(), "nobody here can ask for it");
}

// --- Properties

std::vector<Property> ColoLink::properties() {
    const auto sum = [this](uint64_t LinkNicCounters::*counter) {
        return [this, counter] {
            uint64_t all = 0;
            for (const auto& [number, nic] : nics_) all += nic->counters().*counter;
            return Value(all);
        };
    };
    const auto of_session = [this](uint64_t LinkCounters::*counter) {
        return [this, counter] {
            const LinkSession* session = link_.session();
            return Value(session ? session->counters().*counter : uint64_t{0});
        };
    };
    return {
        {"path", "string", [this] { return Value(socket_.address.path); }},
        {"host", "string", [this] { return Value(socket_.address.host); }},
        {"port", "string", [this] { return Value(socket_.address.port); }},
        {"server", "bool", [this] { return Value(socket_.is_server); }},
        {"tls-creds", "string", [this] { return Value(socket_.tls_creds); }},
        {"tls-peer", "string", [this] { return Value(expected_.name); }},
        {"tls-allow", "string",
         [this] { return Value(expected_.allowed.empty() ? std::string() : expected_.allowed.front()); }},
        {"insecure", "bool", [this] { return Value(is_insecure_); }},
        {"filename", "string", [this] { return Value(link_.name()); }},
        {"state", "string", [this] { return Value(state_); }},
        {"problem", "string", [this] { return Value(problem_); }},
        {"packets-in", "uint64", of_session(&LinkCounters::packets_in)},
        {"packets-out", "uint64", of_session(&LinkCounters::packets_out)},
        {"stale", "uint64", sum(&LinkNicCounters::stale)},
        {"offsets-in", "uint64", sum(&LinkNicCounters::offsets_in)},
        {"offsets-out", "uint64", sum(&LinkNicCounters::offsets_out)},
        {"offsets-lost", "uint64", sum(&LinkNicCounters::offsets_lost)},
        {"questions", "uint64", sum(&LinkNicCounters::questions)},
        {"unclaimed", "uint64", [this] { return Value(unclaimed_); }},
        {"unanswered", "uint64", [this] { return Value(unanswered_); }},
    };
}

// --- Who names one

LinkName LinkName::read(OptionReader& options) {
    LinkName name{options.take("link", ""), 0};
    if (!name && options.has("nic")) options.fail("nic", "is for link=");
    name.nic = static_cast<uint32_t>(options.take_uint("nic", 0, 0, ColoLink::kMostNics - 1));
    return name;
}

std::string LinkName::or_chardev(OptionReader& options, std::string_view key) const {
    if (link.empty()) return options.need(key, "is missing, and so is link");
    if (options.has(key)) options.fail(key, "and link exclude each other");
    return {};
}

LinkNic& LinkName::find(FilterHost& host, const std::string& who) const {
    auto* found = dynamic_cast<ColoLink*>(host.object(link));
    if (!found) throw std::invalid_argument(who + ": link: no colo-link '" + link + "'");
    return found->nic(nic);
}

const char* LinkName::state(const FilterHost& host) const {
    return dynamic_cast<const ColoLink&>(*host.object(link)).peer_state();
}

std::vector<Property> LinkName::properties() const {
    return {{"link", "string", [this] { return Value(link); }},
            {"nic", "uint32", [this] { return Value(uint64_t{nic}); }}};
}

namespace {

const ObjectType g_colo_link(
    "colo-link",
    [](FilterHost& host, std::string id, OptionReader& options) {
        return std::unique_ptr<Object>(std::make_unique<ColoLink>(host, std::move(id), options));
    },
    MakeOrder::kBeforeOthers);

}  // namespace

}  // namespace colo
