// SPDX-License-Identifier: GPL-2.0-or-later
// A Comparator between two scripted VMs. TCP segments are written as in packetdrill, with numbers
// relative to their sender's initial number (the SYN is 0, the first byte 1):
//
//     CompareRig rig;
//     const Tcp web;
//     rig.open(web);                             // SYN-ACK of both VMs, ACK of the client
//     rig.p(web, "P. 1:11(10) ack 1");           // held
//     rig.s(web, "P. 1:11(10) ack 1");           // its twin: goes
//     EXPECT_EQ(rig.released(), Names{"P. 1:11(10) ack 1"});
//     EXPECT_EQ(rig.requests(), Names{});
//
// Payload is, unless given, what Tcp::stream() says for its position, so equal positions carry
// equal bytes. A released frame is named by the text that sent it; what was released must be, byte
// for byte, what was handed in. Requests read "divergence tcp:80@5": reason, flow, offset.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "compare/comparator.h"
#include "tests/support/frame_builder.h"

namespace colo::test {

using Names = std::vector<std::string>;

/// One TCP connection of a guest: addresses, and where each party counts from.
struct Tcp {
    uint16_t guest_port = 80;
    uint16_t peer_port = 40000;
    uint32_t primary_isn = 1000;
    uint32_t secondary_isn = 500000;
    uint32_t client_isn = 70000;
    std::string name = {};  ///< in front of the segments' names; for tests with several connections

    /// The stream's byte at a relative position.
    static uint8_t byte_at(uint32_t position) {
        return static_cast<uint8_t>((position * 2654435761u + 77) >> 11);
    }
    static ByteVector stream(uint32_t begin, uint32_t size) {
        ByteVector bytes(size);
        for (uint32_t i = 0; i < size; ++i) bytes[i] = byte_at(begin + i);
        return bytes;
    }
};

/// One UDP conversation of a guest.
struct Udp {
    uint16_t guest_port = 53;
    uint16_t peer_port = 40000;
};

inline constexpr const char* kGuest = "10.0.0.1";
inline constexpr const char* kPeer = "10.0.0.9";

inline const Tcp web;
inline const Udp dns;

/// The same connection after a live fence: the secondary is a copy.
inline Tcp copied(Tcp tcp) {
    tcp.secondary_isn = tcp.primary_isn;
    return tcp;
}

/// A piece of the stream with one bit changed.
inline ByteVector flipped(uint32_t begin, uint32_t size, uint32_t at) {
    ByteVector bytes = Tcp::stream(begin, size);
    bytes[at] ^= 1;
    return bytes;
}

/// A segment as packetdrill writes it.
struct SegmentText {
    uint8_t flags = 0;
    uint32_t begin = 0;
    uint32_t size = 0;
    std::optional<uint32_t> ack;
    ByteVector options;

    explicit SegmentText(const std::string& text) {
        std::istringstream in(text);
        std::string flag_text;
        std::string range;
        in >> flag_text >> range;
        for (const char c : flag_text) flags |= flag_of(c);
        unsigned b = 0;
        unsigned e = 0;
        unsigned n = 0;
        if (std::sscanf(range.c_str(), "%u:%u(%u)", &b, &e, &n) != 3 || e - b != n) {
            throw std::invalid_argument("not a segment: " + text);
        }
        begin = b;
        size = n;
        for (std::string word; in >> word;) {
            if (word == "ack") {
                uint32_t number = 0;
                in >> number;
                ack = number;
            } else if (word[0] == '<') {
                std::string rest;
                std::getline(in, rest, '>');
                parse_options(word.substr(1) + rest);
            } else {
                throw std::invalid_argument("not a segment: " + text);
            }
        }
    }

  private:
    static uint8_t flag_of(char c) {
        switch (c) {
            case 'S':
                return tcp_flag::kSyn;
            case 'F':
                return tcp_flag::kFin;
            case 'R':
                return tcp_flag::kRst;
            case 'P':
                return tcp_flag::kPsh;
            case '.':
                return tcp_flag::kAck;
            case 'E':
                return tcp_flag::kEce;
            case 'W':
                return tcp_flag::kCwr;
            default:
                throw std::invalid_argument("not a flag");
        }
    }

    void parse_options(std::string text) {
        if (!text.empty() && text.back() == '>') text.pop_back();
        std::istringstream in(text);
        for (std::string option; std::getline(in, option, ',');) append(options, option_of(option));
    }

    static ByteVector option_of(const std::string& text) {
        std::istringstream in(text);
        std::string name;
        std::string word;
        unsigned a = 0;
        unsigned b = 0;
        in >> name;
        if (name == "TS") {
            in >> word >> a >> word >> b;
            return tcp_option::timestamps(a, b);
        }
        in >> a;
        if (name == "nop") return tcp_option::nop();
        if (name == "mss") return tcp_option::mss(static_cast<uint16_t>(a));
        if (name == "wscale") return tcp_option::window_scale(static_cast<uint8_t>(a));
        if (name == "sackOK") return tcp_option::sack_permitted();
        if (name == "TFO") return tcp_option::fast_open();
        if (name == "kind") return tcp_option::raw(static_cast<uint8_t>(a), ByteVector(10));
        throw std::invalid_argument("not an option: " + text);
    }
};

/// What the comparator did, in order.
class RecordingSink final : public ComparatorSink {
  public:
    void release(Frame frame, Time now) override {
        released.push_back(std::move(frame));
        released_at.push_back(now);
    }
    void request_checkpoint(const CheckpointRequest& request) override {
        requests.push_back(request);
    }
    void delta_known(const FlowKey&, const Announcement& announced) override {
        deltas.push_back(announced.delta);
        announced_origins.push_back(announced.origin);
        released_before_delta = released.size();
    }

    std::vector<Frame> released;
    std::vector<Time> released_at;
    std::vector<CheckpointRequest> requests;
    std::vector<Offset> deltas;
    std::vector<Seq> announced_origins;
    size_t released_before_delta = 0;  ///< frames that had gone when the last delta was announced
};

inline std::string name_of(const CheckpointRequest& request) {
    std::string name = to_string(request.reason);
    if (request.flow) {
        name += " " + protocol_name(*request.flow);
        if (request.flow->has_ports()) name += ":" + std::to_string(request.flow->guest_port);
    }
    if (request.offset) name += "@" + std::to_string(*request.offset);
    return name;
}

/// The defaults, but for a table that a sanitizer does not need long to set up.
inline ComparatorConfig small_config() {
    ComparatorConfig config;
    config.max_connections = 1000;
    return config;
}

class CompareRig {
  public:
    explicit CompareRig(const ComparatorConfig& config = small_config(),
                        const OffsetSource* offsets = nullptr)
        : comparator_(config, FlowHash(1, 2), pool_, sink_, offsets) {}

    // --- Frames, from the most used down

    /// A segment of the primary, of the secondary, of the client.
    void p(const Tcp& tcp, const std::string& text, std::optional<ByteVector> payload = {}) {
        primary(frame_of(tcp, tcp.primary_isn, text, std::move(payload)), tcp.name + text);
    }
    void s(const Tcp& tcp, const std::string& text, std::optional<ByteVector> payload = {}) {
        secondary(frame_of(tcp, tcp.secondary_isn, text, std::move(payload)));
    }
    void both(const Tcp& tcp, const std::string& text) {
        p(tcp, text);
        s(tcp, text);
    }
    void client(const Tcp& tcp, const std::string& text) { input(client_frame_of(tcp, text)); }

    /// A datagram.
    void p(const Udp& udp, const std::string& text) {
        primary(builder_of(udp).payload(text), text);
    }
    void s(const Udp& udp, const std::string& text) { secondary(builder_of(udp).payload(text)); }

    void both(const Udp& udp, const std::string& text) {
        p(udp, text);
        s(udp, text);
    }

    /// Anything else. `wire_size`: see Frame.
    void primary(const ByteVector& bytes, const std::string& name, uint32_t wire_size = 0) {
        Frame frame = pool_.copy(bytes, wire_size);
        sent_[frame.data()] = {name, bytes};
        keep_alive_.push_back(frame.share());
        comparator_.primary(std::move(frame), now_);
    }
    void primary(const FrameBuilder& builder, const std::string& name) {
        primary(builder.build(), name);
    }
    void secondary(const ByteVector& bytes, uint32_t wire_size = 0) {
        secondary_in(comparator_.epoch(), bytes, wire_size);
    }
    void secondary(const FrameBuilder& builder) { secondary(builder.build()); }
    void secondary_in(uint32_t epoch, const ByteVector& bytes, uint32_t wire_size = 0) {
        comparator_.secondary(pool_.copy(bytes, wire_size), epoch, now_);
    }
    void input(const ByteVector& bytes) { comparator_.input(pool_.copy(bytes), now_); }

    /// The handshake of a connection to the guest; what it released is forgotten.
    void open(const Tcp& tcp, const std::string& syn_ack = "S. 0:0(0) ack 1 <mss 1460>") {
        both(tcp, syn_ack);
        client(tcp, ". 1:1(0) ack 1");
        EXPECT_EQ(released(), Names{tcp.name + syn_ack});
        EXPECT_EQ(requests(), Names{});
    }

    /// The same, whatever was released before.
    void open_more(const Tcp& tcp) {
        both(tcp, "S. 0:0(0) ack 1");
        client(tcp, ". 1:1(0) ack 1");
        released();
    }

    // --- Time and checkpoints

    Time now() const { return now_; }
    /// Time goes by, and the comparator does what is due.
    void pass_time(Time time) {
        now_ += time;
        comparator_.tick(now_);
    }
    /// Time goes by unseen.
    void jump(Time time) { now_ += time; }
    void fence(Fence kind = Fence::kLive) { comparator_.fence(kind, now_); }
    void mode(Mode mode) { comparator_.set_mode(mode, now_); }

    // --- What came out

    /// Names of the frames released since the last call.
    Names released() {
        Names names;
        for (; seen_released_ < sink_.released.size(); ++seen_released_) {
            const Frame& frame = sink_.released[seen_released_];
            const auto found = sent_.find(frame.data());
            if (found == sent_.end()) {
                names.push_back("a frame that nobody sent");
                continue;
            }
            const auto& [name, bytes] = found->second;
            EXPECT_TRUE(
                std::equal(bytes.begin(), bytes.end(), frame.bytes().begin(), frame.bytes().end()))
                << name << " was altered";
            names.push_back(name);
        }
        return names;
    }
    /// Checkpoints asked for since the last call.
    Names requests() {
        Names names;
        for (; seen_requests_ < sink_.requests.size(); ++seen_requests_) {
            names.push_back(name_of(sink_.requests[seen_requests_]));
        }
        return names;
    }
    const RecordingSink& sink() const { return sink_; }
    Comparator& comparator() { return comparator_; }
    const ComparatorCounters& counters() const { return comparator_.counters(); }
    FramePool& pool() { return pool_; }

    /// The first flow in the table (most tests have one).
    FlowStatus flow() {
        uint32_t cursor = 0;
        return comparator_.next_flow(cursor).value();
    }
    static FlowKey key_of(const Tcp& tcp) {
        PacketView view;
        const ByteVector frame = builder_of(tcp).build();
        view = parse(frame, 0);
        return key_of_output(view);
    }

    // --- Frames to alter by hand

    static FrameBuilder builder_of(const Tcp& tcp) {
        return FrameBuilder().ipv4(kGuest, kPeer).tcp(tcp.guest_port, tcp.peer_port);
    }
    static FrameBuilder builder_of(const Udp& udp) {
        return FrameBuilder().ipv4(kGuest, kPeer).udp(udp.guest_port, udp.peer_port);
    }
    /// A segment of a VM that counts from `isn`.
    static FrameBuilder builder_of(const Tcp& tcp, uint32_t isn, const std::string& text,
                                   std::optional<ByteVector> payload = {}) {
        const SegmentText segment(text);
        FrameBuilder builder = builder_of(tcp);
        builder.flags(segment.flags).seq(isn + segment.begin).options({segment.options});
        if (segment.ack) builder.ack(tcp.client_isn + *segment.ack);
        builder.payload(payload.value_or(Tcp::stream(segment.begin, segment.size)));
        return builder;
    }
    static ByteVector frame_of(const Tcp& tcp, uint32_t isn, const std::string& text,
                               std::optional<ByteVector> payload = {}) {
        return builder_of(tcp, isn, text, std::move(payload)).build();
    }
    static ByteVector client_frame_of(const Tcp& tcp, const std::string& text) {
        const SegmentText segment(text);
        FrameBuilder builder = builder_of(tcp);
        builder.swap_ends().flags(segment.flags).seq(tcp.client_isn + segment.begin);
        if (segment.ack) builder.ack(tcp.primary_isn + *segment.ack);
        return builder.payload(Tcp::stream(segment.begin, segment.size)).build();
    }

  private:
    struct Sent {
        std::string name;
        ByteVector bytes;
    };

    FramePool pool_;
    RecordingSink sink_;
    Time now_ = seconds(100);
    std::map<const uint8_t*, Sent> sent_;
    std::vector<Frame> keep_alive_;  ///< so that no two frames share an address
    size_t seen_released_ = 0;
    size_t seen_requests_ = 0;
    Comparator comparator_;  ///< last: gives its frames back before the pool goes
};

}  // namespace colo::test
