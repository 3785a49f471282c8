// SPDX-License-Identifier: GPL-2.0-or-later
// One end of one TCP connection, with the application that uses it. A value: a checkpoint copies
// it.
//
// Positions are 64 bit and count from the initial sequence number (SYN = 0, first byte = 1); they
// meet 32-bit numbers in wire_*() and near() only. Modelled: RFC 9293 (handshake, data, closing),
// RFC 5961 (challenge acks), RFC 7323 (window scale, timestamps without PAWS), RFC 2018 (SACK is
// said, not used), NewReno's retransmissions under a fixed congestion window, RFC 6298's timer,
// delayed acks, persist and keep-alive timers. The congestion window is fixed because it is no
// matter of the comparison and both VMs must be able to say the same. The application is a script,
// or the caller: take_received() and say().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "packet/time.h"
#include "tests/sim/script.h"
#include "tests/sim/temper.h"
#include "tests/sim/wire.h"

namespace colo::sim {

/// What both VMs have set alike.
struct TcpSettings {
    uint16_t mss = 1460;
    int window_scale = 7;  ///< -1: none
    bool sack = true;
    bool timestamps = false;
    bool garbage_keep_alive = false;
    uint32_t receive_buffer = 65536;
    uint32_t congestion_window = 14600;
    Time keep_alive_idle = kNever;
};

enum class Outcome : uint8_t { kOpen, kFinished, kReset, kGaveUp };

class TcpEndpoint {
  public:
    using Out = std::vector<Packet>;

    TcpEndpoint(const Tuple& tuple, bool is_guest, const TcpSettings& settings,
                const Script& script, uint64_t incarnation);

    /// Active open.
    void connect(uint32_t initial_number, Temper& temper, Time now, Out& out);
    /// Passive open: answers `syn`.
    void accept(const Packet& syn, uint32_t initial_number, Temper& temper, Time now, Out& out);
    void receive(const Packet& packet, Temper& temper, Time now, Out& out);
    /// Does what is due.
    void tick(Temper& temper, Time now, Out& out);
    Time next_deadline() const;

    // --- Instead of a script
    /// From the beginning on: what comes is kept for take_received().
    void serve_caller() { inbox_.emplace(); }
    ByteVector take_received() { return std::exchange(*inbox_, {}); }
    void say(const ByteVector& bytes, Temper& temper, Time now, Out& out);
    void finish(Temper& temper, Time now, Out& out);
    bool peer_has_finished() const { return eof_; }

    bool is_open() const { return state_ == State::kOpen; }
    bool is_gone() const { return state_ == State::kClosed; }
    bool is_waiting() const { return state_ == State::kTimeWait; }
    bool is_half_open() const { return state_ == State::kSynSent || state_ == State::kSynReceived; }
    /// Nothing is left to do but to wait for strays.
    bool is_over() const { return is_gone() || is_waiting(); }
    Outcome outcome() const { return outcome_; }
    bool finished_script() const { return step_ >= script_.steps.size(); }
    /// The peer said something that its script does not contain.
    bool heard_other_bytes() const { return heard_other_bytes_; }
    /// A TSecr came that this end has not sent yet.
    uint32_t echoes_from_the_future() const { return future_echoes_; }
    uint64_t incarnation() const { return incarnation_; }
    /// First sequence number the peer may not use yet; none before the handshake.
    std::optional<uint32_t> right_edge() const;
    /// For a new incarnation to begin beyond.
    uint32_t next_number() const { return wire_seq(highest_); }
    std::string describe() const;

  private:
    enum class State : uint8_t { kSynSent, kSynReceived, kOpen, kTimeWait, kClosed };

    static constexpr Time kFirstTimeout = milliseconds(250);
    static constexpr Time kSynTimeout = seconds(1);
    static constexpr Time kLongestTimeout = seconds(8);
    static constexpr Time kTimeWaitLife = seconds(60);
    static constexpr Time kChallengeInterval = milliseconds(500);
    static constexpr int kMostRetries = 15;
    static constexpr int kMostKeepAlives = 4;

    uint32_t wire_seq(uint64_t position) const { return isn_ + static_cast<uint32_t>(position); }
    uint32_t wire_ack() const { return peer_isn_ + static_cast<uint32_t>(rcv_nxt_); }
    static uint64_t near(uint64_t position, uint32_t its_number, uint32_t number);
    uint64_t end_of_stream() const { return 1 + written_.size(); }
    uint64_t end_of_all() const { return end_of_stream() + fin_queued_; }
    uint32_t free_space() const;
    uint64_t edge() const;
    uint32_t segment_limit() const;
    bool scales() const { return settings_.window_scale >= 0 && peer_scale_ >= 0; }
    uint32_t clock(Time now) const;

    Packet make(uint8_t flags, uint64_t position, Time now);
    void emit(Packet packet, Time now, Out& out);
    void add_syn_options(Packet& packet) const;
    void add_sack(Packet& packet) const;
    void learn_options(const Packet& syn);
    void send_ack(Time now, Out& out);
    void send_syn(Temper& temper, Time now, Out& out);
    void send_range(uint64_t begin, uint64_t end, bool again, Temper& temper, Time now, Out& out);
    void retransmit_first(Temper& temper, Time now, Out& out);
    void pump(Temper& temper, Time now, Out& out);
    uint64_t choose_chunk(uint64_t available, Temper& temper);
    void arm(Time now);
    void reset_connection(Time now, Out& out);
    void close_with(Outcome outcome);

    void receive_syn_sent(const Packet& packet, Temper& temper, Time now, Out& out);
    void challenge(const Packet& packet, Time now, Out& out);
    void receive_reset(uint64_t position, Time now, Out& out);
    bool is_acceptable(uint64_t position, const Packet& packet) const;
    bool take_ack(const Packet& packet, uint64_t position, Temper& temper, Time now, Out& out);
    void new_ack(uint64_t ack, Temper& temper, Time now, Out& out);
    void take_payload(const Packet& packet, uint64_t position);
    void join();
    void maybe_over(Time now);

    void run_application(Temper& temper, Time now, Out& out);
    bool run_step(const Step& step, Temper& temper, Time now, Out& out);
    bool write(uint64_t amount, Temper& temper, Time now, Out& out);
    bool commit(Quirk& quirk, uint64_t& from, Time now, Out& out);

    Tuple tuple_;
    bool is_guest_;
    TcpSettings settings_;
    Script script_;
    uint64_t incarnation_;
    State state_ = State::kClosed;
    Outcome outcome_ = Outcome::kOpen;

    // Sending.
    uint32_t isn_ = 0;
    uint64_t una_ = 0;
    uint64_t nxt_ = 0;
    uint64_t highest_ = 0;
    std::vector<uint8_t> written_;
    bool fin_queued_ = false;
    uint64_t peer_window_ = 0;
    uint64_t window_from_ = 0;  ///< position and ack of the segment that told peer_window_
    uint64_t window_ack_ = 0;
    uint64_t recover_ = 0;
    int duplicate_acks_ = 0;
    int retries_ = 0;
    uint16_t peer_mss_ = 536;
    int peer_scale_ = -1;

    // Receiving.
    uint32_t peer_isn_ = 0;
    uint64_t rcv_nxt_ = 0;
    uint64_t received_ = 0;  ///< bytes in order
    uint64_t consumed_ = 0;  ///< of these, read
    std::optional<ByteVector> inbox_;  ///< the caller's
    std::map<uint64_t, ByteVector> out_of_order_;
    std::optional<uint64_t> peer_fin_;
    bool eof_ = false;
    bool eof_before_fin_ = false;
    uint64_t last_acked_ = 0;
    uint64_t advertised_edge_ = 0;
    int unacked_segments_ = 0;
    bool ack_now_ = false;
    bool heard_other_bytes_ = false;
    uint32_t future_echoes_ = 0;

    // Options.
    bool use_sack_ = false;
    bool use_timestamps_ = false;
    uint32_t clock_offset_ = 0;
    uint32_t recent_ = 0;
    uint16_t own_mss_ = 1460;

    // Timers.
    Time retransmit_at_ = kNever;
    Time persist_at_ = kNever;
    Time ack_at_ = kNever;
    Time keep_alive_at_ = kNever;
    Time wait_over_at_ = kNever;
    Time resume_at_ = kNever;
    Time next_challenge_{0};
    int keep_alives_ = 0;

    // Application.
    size_t step_ = 0;
    uint64_t read_in_step_ = 0;
    uint64_t written_in_script_ = 0;
};

}  // namespace colo::sim
