// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/endpoint.h"

#include <algorithm>
#include <cstdio>

namespace colo::sim {

TcpEndpoint::TcpEndpoint(const Tuple& tuple, bool is_guest, const TcpSettings& settings,
                         const Script& script, uint64_t incarnation)
    : tuple_(tuple),
      is_guest_(is_guest),
      settings_(settings),
      script_(script),
      incarnation_(incarnation),
      own_mss_(settings.mss) {}

/// The position of `number`, which lies within 2^31 of `position`'s.
uint64_t TcpEndpoint::near(uint64_t position, uint32_t its_number, uint32_t number) {
    return position +
           static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(number - its_number)));
}

uint32_t TcpEndpoint::clock(Time now) const {
    return static_cast<uint32_t>(now / milliseconds(1)) + clock_offset_;
}

// --- Sending -------------------------------------------------------------------------------------

uint32_t TcpEndpoint::free_space() const {
    const uint64_t unread = received_ - consumed_;
    return unread >= settings_.receive_buffer
               ? 0
               : static_cast<uint32_t>(settings_.receive_buffer - unread);
}

/// Never moves back (RFC 9293 3.8.6), and is not moved by less than a segment (RFC 9293 3.8.6.2.2).
uint64_t TcpEndpoint::edge() const {
    const uint64_t now = rcv_nxt_ + free_space();
    const uint64_t least = std::min<uint64_t>(own_mss_, settings_.receive_buffer / 2);
    return now >= advertised_edge_ + least ? now : std::max(advertised_edge_, rcv_nxt_);
}

std::optional<uint32_t> TcpEndpoint::right_edge() const {
    if (state_ != State::kOpen) return std::nullopt;
    return peer_isn_ + static_cast<uint32_t>(advertised_edge_);
}

Packet TcpEndpoint::make(uint8_t flags, uint64_t position, Time now) {
    Packet packet;
    packet.tuple = tuple_;
    packet.from_guest = is_guest_;
    packet.flags = flags;
    packet.seq = wire_seq(position);
    packet.truth = {incarnation_, position, 0, false};
    if ((flags & kAck) != 0) {
        packet.ack = wire_ack();
        packet.truth.ack = rcv_nxt_;
    }
    packet.timestamps = use_timestamps_;
    packet.tsval = clock(now);
    packet.tsecr = (flags & kAck) != 0 ? recent_ : 0;
    const int shift = scales() && (flags & kSyn) == 0 ? settings_.window_scale : 0;
    // Rounding must not move the edge back either.
    const uint64_t round = edge() <= advertised_edge_ ? (uint64_t{1} << shift) - 1 : 0;
    const uint64_t units = std::min<uint64_t>((edge() - rcv_nxt_ + round) >> shift, 65535);
    packet.window = static_cast<uint16_t>(units);
    return packet;
}

void TcpEndpoint::emit(Packet packet, Time now, Out& out) {
    if (packet.has(kAck) && !packet.has(kRst)) {
        const int shift = scales() && !packet.has(kSyn) ? settings_.window_scale : 0;
        const uint64_t told = rcv_nxt_ + (static_cast<uint64_t>(packet.window) << shift);
        advertised_edge_ = std::max(advertised_edge_, told);
        last_acked_ = rcv_nxt_;
        unacked_segments_ = 0;
        ack_now_ = false;
        ack_at_ = kNever;
    }
    if (settings_.keep_alive_idle != kNever && state_ == State::kOpen) {
        keep_alive_at_ = now + settings_.keep_alive_idle;
    }
    out.push_back(std::move(packet));
}

void TcpEndpoint::add_syn_options(Packet& packet) const {
    const bool answer = packet.has(kAck);
    packet.mss = own_mss_;
    packet.window_scale = !answer || peer_scale_ >= 0 ? settings_.window_scale : -1;
    packet.sack_permitted = answer ? use_sack_ : settings_.sack;
    packet.timestamps = answer ? use_timestamps_ : settings_.timestamps;
}

void TcpEndpoint::add_sack(Packet& packet) const {
    if (!use_sack_) return;
    for (const auto& [position, bytes] : out_of_order_) {
        const uint32_t left = peer_isn_ + static_cast<uint32_t>(position);
        packet.sack.emplace_back(left, left + static_cast<uint32_t>(bytes.size()));
        if (packet.sack.size() == 3) return;
    }
}

void TcpEndpoint::learn_options(const Packet& syn) {
    peer_isn_ = syn.seq;
    rcv_nxt_ = 1;
    advertised_edge_ = 1;
    peer_mss_ = syn.mss != 0 ? syn.mss : 536;
    peer_scale_ = syn.window_scale;
    use_sack_ = settings_.sack && syn.sack_permitted;
    use_timestamps_ = settings_.timestamps && syn.timestamps;
    recent_ = syn.tsval;
    peer_window_ = syn.window;
}

void TcpEndpoint::send_ack(Time now, Out& out) {
    Packet ack = make(kAck, nxt_, now);
    add_sack(ack);
    emit(std::move(ack), now, out);
}

void TcpEndpoint::send_syn(Temper& temper, Time now, Out& out) {
    const bool answer = state_ == State::kSynReceived;
    if (Quirk* quirk = temper.due(tuple_, 0, true)) {
        quirk->spent = true;
        own_mss_ = static_cast<uint16_t>(own_mss_ - 100);
    }
    Packet syn = make(static_cast<uint8_t>(answer ? kSyn | kAck : kSyn), 0, now);
    add_syn_options(syn);
    nxt_ = highest_ = 1;
    emit(std::move(syn), now, out);
    arm(now);
}

void TcpEndpoint::arm(Time now) {
    if (una_ == highest_) {
        retransmit_at_ = kNever;
        return;
    }
    const Time first = is_half_open() ? kSynTimeout : kFirstTimeout;
    retransmit_at_ = now + std::min(kLongestTimeout, first * (int64_t{1} << std::min(retries_, 6)));
}

uint32_t TcpEndpoint::segment_limit() const {
    const uint32_t limit = std::min(own_mss_, peer_mss_);
    return use_timestamps_ ? limit - 12u : limit;
}

uint64_t TcpEndpoint::choose_chunk(uint64_t available, Temper& temper) {
    uint64_t limit = segment_limit();
    switch (temper.chunking) {
        case Chunking::kFull:
            break;
        case Chunking::kHalf:
            limit = limit / 2 + 1;
            break;
        case Chunking::kRandom:
            limit = temper.random.between(limit / 4 + 1, limit);
            break;
        case Chunking::kTiny:
            limit = std::min<uint64_t>(limit, 200);
            break;
    }
    return std::min(available, limit);
}

/// Sends positions begin .. end; the FIN's is end_of_stream().
void TcpEndpoint::send_range(uint64_t begin, uint64_t end, bool again, Temper& temper, Time now,
                             Out& out) {
    const bool fin = fin_queued_ && end > end_of_stream();
    const uint64_t bytes_end = fin ? end_of_stream() : end;
    Packet packet = make(static_cast<uint8_t>(kAck | (fin ? kFin : 0)), begin, now);
    packet.payload.assign(written_.begin() + static_cast<ptrdiff_t>(begin - 1),
                          written_.begin() + static_cast<ptrdiff_t>(bytes_end - 1));
    if (!packet.payload.empty()) packet.flags |= kPsh;
    if (again && !packet.payload.empty() && temper.random.chance(temper.garbled_permille)) {
        packet.payload[temper.random.below(packet.payload.size())] ^= 0x40;
    }
    if (fin && !again) eof_before_fin_ = eof_;
    nxt_ = std::max(nxt_, end);
    highest_ = std::max(highest_, end);
    emit(std::move(packet), now, out);
    if (retransmit_at_ == kNever || again) arm(now);
}

void TcpEndpoint::retransmit_first(Temper& temper, Time now, Out& out) {
    if (is_half_open()) return send_syn(temper, now, out);
    const uint64_t bytes = std::min(highest_, end_of_stream()) - std::min(una_, end_of_stream());
    const uint64_t chunk = choose_chunk(bytes, temper);
    const bool with_fin = una_ + chunk == end_of_stream() && highest_ > end_of_stream();
    if (chunk + with_fin == 0) return;
    send_range(una_, una_ + chunk + with_fin, true, temper, now, out);
}

void TcpEndpoint::pump(Temper& temper, Time now, Out& out) {
    if (state_ != State::kOpen) return;
    const uint64_t limit = una_ + std::min<uint64_t>(settings_.congestion_window, peer_window_);
    while (nxt_ < end_of_all()) {
        const uint64_t available = end_of_stream() - std::min(nxt_, end_of_stream());
        const uint64_t room = limit > nxt_ ? limit - nxt_ : 0;
        uint64_t chunk = choose_chunk(available, temper);
        if (chunk > 0 && room == 0) break;
        // Sender's silly window avoidance: a part only when nothing is in flight.
        if (temper.nagle && chunk > room && una_ != nxt_) break;
        chunk = std::min(chunk, room);
        const bool last = nxt_ + chunk == end_of_stream();
        const bool small = chunk < segment_limit() && temper.chunking == Chunking::kFull;
        if (temper.nagle && small && una_ != nxt_ && !(last && fin_queued_)) break;
        const bool fin = last && fin_queued_;
        send_range(nxt_, nxt_ + chunk + fin, false, temper, now, out);
    }
    const bool stuck = nxt_ < end_of_all() && una_ == highest_;
    if (!stuck) {
        persist_at_ = kNever;
    } else if (persist_at_ == kNever) {
        retries_ = 0;
        persist_at_ = now + kFirstTimeout;
    }
}

void TcpEndpoint::close_with(Outcome outcome) {
    state_ = State::kClosed;
    outcome_ = outcome;
    retransmit_at_ = persist_at_ = ack_at_ = keep_alive_at_ = wait_over_at_ = resume_at_ = kNever;
}

void TcpEndpoint::reset_connection(Time now, Out& out) {
    out.push_back(make(kRst | kAck, nxt_, now));
    close_with(Outcome::kReset);
}

// --- Opening -------------------------------------------------------------------------------------

void TcpEndpoint::connect(uint32_t initial_number, Temper& temper, Time now, Out& out) {
    isn_ = initial_number;
    clock_offset_ = static_cast<uint32_t>(temper.random.next());
    state_ = State::kSynSent;
    send_syn(temper, now, out);
}

void TcpEndpoint::accept(const Packet& syn, uint32_t initial_number, Temper& temper, Time now,
                         Out& out) {
    isn_ = initial_number;
    clock_offset_ = static_cast<uint32_t>(temper.random.next());
    learn_options(syn);
    state_ = State::kSynReceived;
    send_syn(temper, now, out);
}

void TcpEndpoint::receive_syn_sent(const Packet& packet, Temper& temper, Time now, Out& out) {
    if (packet.has(kAck) && packet.ack != wire_seq(1)) {
        if (packet.has(kRst)) return;
        // RFC 9293 3.10.7.3: what is left of an earlier incarnation at the peer goes.
        Packet reset = make(kRst, 0, now);
        reset.seq = packet.ack;
        out.push_back(std::move(reset));
        return;
    }
    if (packet.has(kRst)) {
        if (packet.has(kAck)) close_with(Outcome::kReset);
        return;
    }
    if (!packet.has(kSyn) || !packet.has(kAck)) return;
    learn_options(packet);
    state_ = State::kOpen;
    retries_ = 0;
    una_ = 1;
    window_from_ = 0;
    window_ack_ = 1;
    arm(now);
    ack_now_ = true;
    run_application(temper, now, out);
    pump(temper, now, out);
    if (ack_now_ && !is_gone()) send_ack(now, out);
}

// --- Receiving -----------------------------------------------------------------------------------

void TcpEndpoint::receive(const Packet& packet, Temper& temper, Time now, Out& out) {
    if (state_ == State::kClosed) return;
    if (state_ == State::kSynSent) return receive_syn_sent(packet, temper, now, out);
    const uint64_t position = near(rcv_nxt_, wire_ack(), packet.seq);
    if (packet.has(kRst)) return receive_reset(position, now, out);
    if (state_ == State::kSynReceived && packet.has(kSyn) && packet.seq == peer_isn_) {
        return send_syn(temper, now, out);
    }
    if (packet.has(kSyn)) return send_ack(now, out);
    if (!packet.has(kAck)) return;
    if (!is_acceptable(position, packet)) return challenge(packet, now, out);
    if (packet.timestamps && use_timestamps_) {
        if (static_cast<int32_t>(packet.tsecr - clock(now)) > 0) ++future_echoes_;
        const bool newer = static_cast<int32_t>(packet.tsval - recent_) >= 0;
        if (newer && position <= last_acked_) recent_ = packet.tsval;
    }
    keep_alives_ = 0;
    if (!take_ack(packet, position, temper, now, out)) return;
    if (packet.length() > 0) take_payload(packet, position);
    run_application(temper, now, out);
    pump(temper, now, out);
    if (is_gone()) return;
    if (ack_now_) send_ack(now, out);
    if (unacked_segments_ > 0 && ack_at_ == kNever) ack_at_ = now + temper.delayed_ack;
    maybe_over(now);
}

/// As Linux does it: two ends that take each other's acks for invalid must not answer for ever.
void TcpEndpoint::challenge(const Packet& packet, Time now, Out& out) {
    if (packet.length() == 0 && now < next_challenge_) return;
    next_challenge_ = now + kChallengeInterval;
    send_ack(now, out);
}

void TcpEndpoint::receive_reset(uint64_t position, Time now, Out& out) {
    if (state_ == State::kTimeWait) return;
    if (position == rcv_nxt_) return close_with(Outcome::kReset);
    if (position > rcv_nxt_ && position < advertised_edge_) send_ack(now, out);
}

/// As Linux does it: nothing wholly old, nothing beyond the window.
bool TcpEndpoint::is_acceptable(uint64_t position, const Packet& packet) const {
    const uint64_t end = position + packet.length();
    if (static_cast<int64_t>(end - last_acked_) < 0) return false;
    return static_cast<int64_t>(position - advertised_edge_) <= 0;
}

/// False: nothing more of the segment counts.
bool TcpEndpoint::take_ack(const Packet& packet, uint64_t position, Temper& temper, Time now,
                           Out& out) {
    const uint64_t ack = near(una_, wire_seq(una_), packet.ack);
    if (static_cast<int64_t>(ack - highest_) > 0) {
        challenge(packet, now, out);
        return false;
    }
    if (state_ == State::kSynReceived) {
        if (ack != 1) return false;
        state_ = State::kOpen;
        retries_ = 0;
    }
    const bool old = static_cast<int64_t>(ack - una_) < 0;
    const int shift = scales() ? peer_scale_ : 0;
    const uint64_t window = static_cast<uint64_t>(packet.window) << shift;
    const bool same = ack == una_ && window == peer_window_ && packet.length() == 0;
    const bool newer = static_cast<int64_t>(position - window_from_) > 0 ||
                       (position == window_from_ && ack >= window_ack_);
    if (!old && newer) {
        peer_window_ = window;
        window_from_ = position;
        window_ack_ = ack;
        persist_at_ = kNever;
    }
    if (!old && ack > una_) {
        new_ack(ack, temper, now, out);
    } else if (same && una_ < highest_ && ++duplicate_acks_ == 3 && una_ >= recover_) {
        recover_ = highest_;
        retransmit_first(temper, now, out);
    }
    return true;
}

void TcpEndpoint::new_ack(uint64_t ack, Temper& temper, Time now, Out& out) {
    una_ = ack;
    nxt_ = std::max(nxt_, una_);
    retries_ = 0;
    duplicate_acks_ = 0;
    arm(now);
    // NewReno: a partial ack says that the next one is missing too (RFC 6582).
    if (una_ < recover_ && una_ < highest_) retransmit_first(temper, now, out);
}

void TcpEndpoint::take_payload(const Packet& packet, uint64_t position) {
    if (packet.has(kFin)) peer_fin_ = position + packet.payload.size();
    const uint64_t before = rcv_nxt_;
    const uint64_t limit = std::max(rcv_nxt_ + free_space(), advertised_edge_);
    if (!packet.payload.empty() && position + packet.payload.size() > rcv_nxt_) {
        ByteVector bytes = packet.payload;
        const uint64_t room = limit > position ? limit - position : 0;
        if (bytes.size() > room) {
            bytes.resize(room);
            if (packet.has(kFin)) peer_fin_.reset();
        }
        if (!bytes.empty()) {
            ByteVector& kept = out_of_order_[position];
            if (kept.size() < bytes.size()) kept = std::move(bytes);
        }
    }
    join();
    if (rcv_nxt_ == before || !out_of_order_.empty() || eof_) ack_now_ = true;
    if (++unacked_segments_ >= 2) ack_now_ = true;
}

/// Takes in what has become a continuation.
void TcpEndpoint::join() {
    while (!out_of_order_.empty() && out_of_order_.begin()->first <= rcv_nxt_) {
        const auto& [position, bytes] = *out_of_order_.begin();
        for (uint64_t at = rcv_nxt_; at < position + bytes.size(); ++at) {
            const uint8_t byte = bytes[at - position];
            ++rcv_nxt_;
            ++received_;
            if (inbox_) {
                inbox_->push_back(byte);
                ++consumed_;
            } else if (byte != stream_byte(script_.peer_key, at - 1)) {
                heard_other_bytes_ = true;
            }
        }
        out_of_order_.erase(out_of_order_.begin());
    }
    if (!eof_ && peer_fin_ && *peer_fin_ == rcv_nxt_) {
        eof_ = true;
        ++rcv_nxt_;
    }
}

void TcpEndpoint::maybe_over(Time now) {
    if (state_ != State::kOpen || !eof_ || !fin_queued_ || una_ < end_of_all()) return;
    if (eof_before_fin_) return close_with(Outcome::kFinished);
    close_with(Outcome::kFinished);
    state_ = State::kTimeWait;
    wait_over_at_ = now + kTimeWaitLife;
}

// --- Timers --------------------------------------------------------------------------------------

Time TcpEndpoint::next_deadline() const {
    return std::min(
        {retransmit_at_, persist_at_, ack_at_, keep_alive_at_, wait_over_at_, resume_at_});
}

void TcpEndpoint::tick(Temper& temper, Time now, Out& out) {
    if (wait_over_at_ <= now) return close_with(Outcome::kFinished);
    if (resume_at_ <= now) {
        run_application(temper, now, out);
        pump(temper, now, out);
        if (is_gone()) return;
        if (ack_now_) send_ack(now, out);
        maybe_over(now);
    }
    if (ack_at_ <= now) send_ack(now, out);
    if (retransmit_at_ <= now) {
        if (++retries_ > kMostRetries) return close_with(Outcome::kGaveUp);
        recover_ = highest_;
        duplicate_acks_ = 0;
        retransmit_first(temper, now, out);
    }
    if (persist_at_ <= now) {
        persist_at_ = now + std::min(kLongestTimeout,
                                     kFirstTimeout * (int64_t{1} << std::min(++retries_, 5)));
        if (temper.probes_with_data && nxt_ < end_of_stream()) {
            send_range(nxt_, nxt_ + 1, false, temper, now, out);
            persist_at_ = kNever;
        } else {
            Packet probe = make(kAck, una_ - 1, now);
            probe.truth.keep_alive = true;
            emit(std::move(probe), now, out);
        }
    }
    if (keep_alive_at_ <= now) {
        keep_alive_at_ = kNever;
        const bool idle = state_ == State::kOpen && una_ == highest_ && nxt_ == end_of_all();
        if (idle && !fin_queued_ && nxt_ > 1 && ++keep_alives_ <= kMostKeepAlives) {
            Packet probe = make(kAck, nxt_ - 1, now);
            if (settings_.garbage_keep_alive) probe.payload = {0};
            probe.truth.keep_alive = true;
            emit(std::move(probe), now, out);
        } else if (state_ == State::kOpen && keep_alives_ <= kMostKeepAlives) {
            keep_alive_at_ = now + settings_.keep_alive_idle;
        }
    }
}

// --- Application ---------------------------------------------------------------------------------

void TcpEndpoint::run_application(Temper& temper, Time now, Out& out) {
    if (state_ != State::kOpen || (resume_at_ != kNever && now < resume_at_)) return;
    while (step_ < script_.steps.size() && run_step(script_.steps[step_], temper, now, out))
        ++step_;
    // A window that was (nearly) closed and is open again is told at once.
    if (state_ == State::kOpen && edge() >= advertised_edge_ + 2u * own_mss_ &&
        advertised_edge_ < rcv_nxt_ + own_mss_) {
        ack_now_ = true;
    }
}

/// True when the step is done.
bool TcpEndpoint::run_step(const Step& step, Temper& temper, Time now, Out& out) {
    switch (step.act) {
        case Act::kWrite:
            return write(step.amount, temper, now, out);
        case Act::kRead: {
            const uint64_t take = std::min(step.amount - read_in_step_, received_ - consumed_);
            read_in_step_ += take;
            consumed_ += take;
            if (read_in_step_ < step.amount) return false;
            read_in_step_ = 0;
            return true;
        }
        case Act::kReadEof:
            consumed_ = received_;
            return eof_;
        case Act::kPause:
            if (resume_at_ == kNever) {
                const auto jitter = static_cast<uint64_t>(temper.pause_jitter.count());
                resume_at_ = now + Time(step.amount) + Time(temper.random.below(jitter + 1));
                return false;
            }
            resume_at_ = kNever;
            return true;
        case Act::kFinish:
            fin_queued_ = true;
            return true;
        case Act::kReset:
            ++step_;
            reset_connection(now, out);
            return false;
    }
    return true;
}

/// False: the connection is over.
bool TcpEndpoint::write(uint64_t amount, Temper& temper, Time now, Out& out) {
    if (fin_queued_) return true;
    const uint64_t end = written_in_script_ + amount;
    while (written_in_script_ < end) {
        if (Quirk* quirk = temper.due(tuple_, written_in_script_, false)) {
            if (!commit(*quirk, written_in_script_, now, out)) return false;
            continue;
        }
        written_.push_back(stream_byte(script_.key, written_in_script_++));
    }
    written_in_script_ = end;
    return true;
}

bool TcpEndpoint::commit(Quirk& quirk, uint64_t& from, Time now, Out& out) {
    quirk.spent = true;
    switch (quirk.kind) {
        case QuirkKind::kOtherByte:
            written_.push_back(stream_byte(script_.key, from++) ^ 0x01);
            return true;
        case QuirkKind::kExtraBytes:
            for (int i = 0; i < 3; ++i) written_.push_back(stream_byte(script_.key, from));
            return true;
        case QuirkKind::kLostBytes:
            from += 2;
            return true;
        case QuirkKind::kEarlyFin:
            fin_queued_ = true;
            from = UINT64_MAX;
            return true;
        case QuirkKind::kReset:
            reset_connection(now, out);
            return false;
        case QuirkKind::kSynOptions:
            break;
    }
    return true;
}

void TcpEndpoint::say(const ByteVector& bytes, Temper& temper, Time now, Out& out) {
    if (fin_queued_) return;
    written_.insert(written_.end(), bytes.begin(), bytes.end());
    pump(temper, now, out);
}

void TcpEndpoint::finish(Temper& temper, Time now, Out& out) {
    fin_queued_ = true;
    pump(temper, now, out);
}

std::string TcpEndpoint::describe() const {
    char text[220];
    snprintf(text, sizeof text,
             "%u-%u state %d outcome %d una %lu nxt %lu highest %lu end %lu window %lu rcv %lu "
             "edge %lu step %zu/%zu",
             tuple_.guest_port, tuple_.client_port, static_cast<int>(state_),
             static_cast<int>(outcome_), una_, nxt_, highest_, end_of_all(), peer_window_, rcv_nxt_,
             advertised_edge_, step_, script_.steps.size());
    return text;
}

}  // namespace colo::sim
