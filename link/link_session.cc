// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_session.h"

#include <algorithm>
#include <utility>

namespace colo {

namespace {

std::string shown(Bytes bytes) { return printable(text_of(bytes)); }

MessageHeader make_header(Channel channel, MessageType type) {
    MessageHeader header;
    header.channel = channel;
    header.type = type;
    return header;
}

/// A TLS record: alert or handshake, version 3.x. As a length of ours it is far too much; an alert is
/// shorter than a header.
bool looks_like_tls(Bytes pending) {
    return pending.size() >= 2 && (pending[0] == 0x15 || pending[0] == 0x16) && pending[1] == 0x03;
}

std::string in_seconds(Time time) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + " ms";
}

}  // namespace

LinkSession::LinkSession(const LinkConfig& config, LinkUser& user, Carrier& carrier, Time now)
    : config_(config),
      user_(&user),
      carrier_(carrier),
      streams_(*this, config.streams, config.connected),
      outbox_(streams_.bulk()),
      started_(now),
      last_heard_(now),
      last_tick_(now),
      next_heartbeat_(now) {
    send_hello();
}

LinkSession::~LinkSession() {
    streams_.end_all({LinkCode::kLinkLost, "the link was given up"});
}

// --- out

void LinkSession::push(MessageHeader& header, Bytes payload) {
    outbox_.urgent().push(header, payload);
    wake();
}

void LinkSession::send_hello() {
    Hello hello;
    hello.stream_window = config_.streams.window;
    hello.max_streams = config_.streams.max_streams;
    hello.name = config_.name;
    hello.capabilities = config_.capabilities;
    MessageHeader header = make_header(Channel::kLink, MessageType::kMessage);
    header.procedure = kHello;
    outbox_.urgent().push(header, encode(hello));
}

void LinkSession::say_goodbye(LinkCode code, std::string_view text) {
    MessageHeader header = make_header(Channel::kLink, MessageType::kMessage);
    header.procedure = kGoodbye;
    header.status = static_cast<uint32_t>(code);
    push(header, bytes_of(text.substr(0, kMaxTextBytes)));
}

PacketResult LinkSession::send_packet(const PacketHeader& packet, Bytes front, Bytes payload) {
    if (!is_up()) return PacketResult::kDown;
    const size_t size = front.size() + payload.size();
    if (size > kMaxPacketBytes || queued_packets() + size > config_.max_packet_bytes) {
        ++counters_.packets_full;
        return PacketResult::kFull;
    }
    MessageHeader header = make_header(Channel::kPackets, MessageType::kMessage);
    header.procedure = packet.kind;
    header.serial = packet.port;
    header.epoch = packet.epoch;
    outbox_.packets().push(header, {front, payload});
    ++counters_.packets_out;
    wake();
    return PacketResult::kQueued;
}

bool LinkSession::call(uint32_t procedure, uint32_t epoch, Bytes payload, Answer answer) {
    if (!is_up() || payload.size() > kMaxControlBytes) return false;
    if (calls_.size() >= kMaxCalls || !has_room()) return false;
    MessageHeader header = make_header(Channel::kControl, MessageType::kCall);
    header.procedure = procedure;
    header.epoch = epoch;
    while (calls_.contains(next_serial_)) ++next_serial_;
    header.serial = next_serial_++;
    calls_.emplace(header.serial, std::move(answer));
    ++counters_.calls_out;
    push(header, payload);
    return true;
}

bool LinkSession::message(uint32_t procedure, uint32_t epoch, Bytes payload) {
    if (!is_up() || payload.size() > kMaxControlBytes || !has_room()) return false;
    MessageHeader header = make_header(Channel::kControl, MessageType::kMessage);
    header.procedure = procedure;
    header.epoch = epoch;
    ++counters_.messages_out;
    push(header, payload);
    return true;
}

void LinkSession::reply(uint32_t serial, const LinkStatus& status, Bytes payload) {
    if (!is_up() || calls_of_peer_.erase(serial) == 0) return;
    MessageHeader header = make_header(Channel::kControl, MessageType::kReply);
    header.serial = serial;
    header.status = static_cast<uint32_t>(status.code);
    const Bytes said = status.ok() ? payload : bytes_of(status.text);
    push(header, said.first(std::min<size_t>(said.size(), kMaxControlBytes)));
}

void LinkSession::set_heartbeat(uint32_t epoch, Bytes payload) {
    heartbeat_epoch_ = epoch;
    const Bytes kept = payload.first(std::min<size_t>(payload.size(), kMaxHeartbeatBytes));
    heartbeat_.assign(kept.begin(), kept.end());
}

/// What has not gone out by now would be old when it does.
void LinkSession::send_heartbeat() {
    if (!is_up()) return;
    if (!outbox_.urgent().empty()) {
        ++counters_.heartbeats_skipped;
        return;
    }
    MessageHeader header = make_header(Channel::kHeartbeat, MessageType::kMessage);
    header.epoch = heartbeat_epoch_;
    ++counters_.heartbeats_out;
    push(header, heartbeat_);
}

std::unique_ptr<Stream> LinkSession::open(std::string service, std::string argument) {
    if (!is_up() || !has_room()) return nullptr;
    return streams_.open(std::move(service), std::move(argument));
}

// --- in

bool LinkSession::receive(ReceiveBuffer& buffer, Time now) {
    Lifeline::Watch life(lifeline_);
    last_heard_ = now;
    bool packets = false;
    while (!is_over() && take_next(buffer, packets)) {
        if (life.is_cut()) return false;
    }
    if (life.is_cut()) return false;
    if (packets) user_->packets_end();
    return !life.is_cut();
}

/// False: there is no whole message, or the session has been destroyed.
bool LinkSession::take_next(ReceiveBuffer& buffer, bool& packets) {
    const Bytes pending = buffer.pending();
    if (state_ == State::kHello && looks_like_tls(pending)) {
        violated("TLS, which is not used here");
        return false;
    }
    if (pending.size() < kHeaderBytes) return false;
    const MessageHeader header = decode_header(pending.data());
    if (!is_acceptable(header) || pending.size() < header.length) return false;
    if (header.channel == Channel::kPackets) {
        packets = true;
        take_packet(buffer, header);
        return true;
    }
    if (!dispatch(header, pending.subspan(kHeaderBytes, header.payload_size()))) return false;
    buffer.skip(header.length);
    if (outbox_.urgent().bytes() > kTooUrgentBytes) violated("more than it reads the answers of");
    return true;
}

bool LinkSession::is_acceptable(const MessageHeader& header) {
    const std::string wrong = check(header);
    const bool in_turn = header.channel == Channel::kLink || is_up();
    if (wrong.empty() && in_turn) return true;
    violated(wrong.empty() ? "something before its hello" : wrong);
    return false;
}

void LinkSession::take_packet(ReceiveBuffer& buffer, const MessageHeader& header) {
    ++counters_.packets_in;
    buffer.skip(kHeaderBytes);
    user_->packet({header.procedure, header.serial, header.epoch},
                 buffer.take(0, header.payload_size()));
}

/// False: the session has been destroyed.
bool LinkSession::dispatch(const MessageHeader& header, Bytes payload) {
    Lifeline::Watch life(lifeline_);
    if (header.channel == Channel::kStreams) {
        bool alive = true;
        const std::string wrong = streams_.receive(header, payload, alive);
        if (!alive || life.is_cut()) return false;
        if (!wrong.empty()) violated(wrong);
    } else if (header.channel == Channel::kHeartbeat) {
        ++counters_.heartbeats_in;
        user_->heartbeat(header.epoch, payload);
    } else if (header.channel == Channel::kControl) {
        receive_control(header, payload);
    } else {
        receive_link(header, payload);
    }
    return !life.is_cut();
}

void LinkSession::receive_link(const MessageHeader& header, Bytes payload) {
    if (header.procedure == kGoodbye) return receive_goodbye(header, payload);
    if (header.procedure != kHello) return violated("link message " + std::to_string(header.procedure));
    if (state_ != State::kHello) return violated("a second hello");
    receive_hello(payload);
}

void LinkSession::receive_hello(Bytes payload) {
    std::optional<Hello> hello = decode_hello(payload);
    if (!hello) return violated("a malformed hello");
    Hello ours;
    const LinkStatus judgement = judge(ours, *hello, config_.known_capabilities);
    if (!hello->name.empty()) peer_name_ = hello->name;
    if (!judgement.ok()) return close(judgement);
    peer_ = std::move(*hello);
    streams_.set_peer({peer_.stream_window, peer_.max_streams}, peer_name_);
    state_ = State::kUp;
    wake();
    user_->link_up(peer_);
}

void LinkSession::receive_goodbye(const MessageHeader& header, Bytes payload) {
    const auto code = static_cast<LinkCode>(header.status);
    const std::string text = shown(payload);
    over({code == LinkCode::kOk ? LinkCode::kGoodbye : code,
          peer_name_ + ": " + (text.empty() ? to_string(code) : text)});
}

void LinkSession::receive_control(const MessageHeader& header, Bytes payload) {
    if (header.type == MessageType::kCall) return receive_call(header, payload);
    if (header.type == MessageType::kReply) return receive_reply(header, payload);
    ++counters_.messages_in;
    user_->control_message({header.procedure, 0, header.epoch}, payload);
}

void LinkSession::receive_call(const MessageHeader& header, Bytes payload) {
    ++counters_.calls_in;
    const uint32_t serial = header.serial;
    if (!calls_of_peer_.insert(serial).second) {
        return violated("a call with the serial of one under way");
    }
    if (calls_of_peer_.size() > kMaxCalls) {
        ++counters_.calls_refused;
        return reply(serial, {LinkCode::kTooMany, std::to_string(kMaxCalls) + " calls are under way"});
    }
    Lifeline::Watch life(lifeline_);
    const uint32_t procedure = header.procedure;
    if (user_->control_call({procedure, serial, header.epoch}, payload) || life.is_cut()) return;
    reply(serial, {LinkCode::kNoService, "there is no procedure " + std::to_string(procedure)});
}

void LinkSession::receive_reply(const MessageHeader& header, Bytes payload) {
    const auto found = calls_.find(header.serial);
    if (found == calls_.end()) {
        ++counters_.late_replies;
        return;
    }
    const Answer answer = std::move(found->second);
    calls_.erase(found);
    const auto code = static_cast<LinkCode>(header.status);
    if (code == LinkCode::kOk) return answer({}, payload);
    answer({code, peer_name_ + ": " + shown(payload)}, {});
}

// --- time

void LinkSession::tick(Time now) {
    // Who has slept has heard nothing, and can't blame the peer.
    if (now - last_tick_ > config_.deadline / 2) last_heard_ = now;
    last_tick_ = now;
    if (is_over()) return;
    if (state_ == State::kHello) {
        if (now - started_ < config_.hello_deadline) return;
        return close({LinkCode::kTimeout, "no hello within " + in_seconds(config_.hello_deadline)});
    }
    if (now - last_heard_ >= config_.deadline) {
        return close({LinkCode::kTimeout,
                      "nothing heard of " + peer_name_ + " for " + in_seconds(config_.deadline)});
    }
    if (now < next_heartbeat_) return;
    next_heartbeat_ = now + config_.heartbeat_interval;
    send_heartbeat();
}

void LinkSession::set_times(Time heartbeat_interval, Time deadline) {
    config_.heartbeat_interval = heartbeat_interval;
    config_.deadline = deadline;
    next_heartbeat_ = std::min(next_heartbeat_, last_tick_ + heartbeat_interval);
    wake();  // whoever carries it asks for the next deadline
}

Time LinkSession::next_deadline() const {
    if (is_over()) return kNever;
    if (state_ == State::kHello) return started_ + config_.hello_deadline;
    return std::min(next_heartbeat_, last_heard_ + config_.deadline);
}

// --- the end

void LinkSession::close(LinkStatus why) {
    if (is_over()) return;
    say_goodbye(why.code, why.text);
    over(std::move(why));
}

void LinkSession::lost(LinkStatus why) {
    if (!is_over()) over(std::move(why));
}

void LinkSession::violated(const std::string& what) {
    if (is_over()) return;
    say_goodbye(LinkCode::kProtocol, "you sent " + what);
    over({LinkCode::kProtocol, peer_name_ + " sent " + what});
}

void LinkSession::over(LinkStatus status) {
    state_ = State::kOver;
    status_ = std::move(status);
    counters_.packet_bytes_lost += queued_packets();
    streams_.end_all({LinkCode::kLinkLost, status_.text});
    outbox_.drop_all_but_urgent();
    calls_of_peer_.clear();
    wake();
}

void LinkSession::stream_offered(std::unique_ptr<Stream> stream) {
    user_->stream_offered(std::move(stream));
}

void LinkSession::answer_all() {
    Lifeline::Watch life(lifeline_);
    while (!calls_.empty()) {
        const Answer answer = std::move(calls_.begin()->second);
        calls_.erase(calls_.begin());
        answer({LinkCode::kLinkLost, status_.text}, {});
        if (life.is_cut()) return;
    }
}

bool LinkSession::settle() {
    Lifeline::Watch life(lifeline_);
    if (!streams_.settle()) return false;
    if (!is_over() || told_over_) return true;
    answer_all();
    if (life.is_cut()) return false;
    told_over_ = true;
    user_->link_over(status_);
    return !life.is_cut();
}

}  // namespace colo
