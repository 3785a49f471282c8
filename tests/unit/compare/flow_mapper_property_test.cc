// SPDX-License-Identifier: GPL-2.0-or-later
// A model connection with random numbers: two VMs that say the same by their own ISNs and clocks,
// and a client that knows the primary's. What the mapper makes of a frame must be, byte for byte,
// the frame built with the other space's numbers; the client must find one stream and one clock,
// also across a failover.
#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <random>

#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

enum class Role { kServer, kClient };

struct Draw {
    Wrapping wrapping;
    Role role;
    Learning learning;
    bool timestamps;
    uint32_t primary_isn, secondary_isn, client_isn;
    uint32_t primary_clock, client_clock;
    uint32_t seed;
};

/// Often close to where numbers wrap.
rc::Gen<uint32_t> numbers() {
    return rc::gen::oneOf(
        rc::gen::arbitrary<uint32_t>(), rc::gen::inRange<uint32_t>(0, 3000),
        rc::gen::map(rc::gen::inRange<uint32_t>(0, 3000), [](uint32_t n) { return 0u - n; }));
}

Wrapping draw_wrapping() {
    return static_cast<Wrapping>(*rc::gen::inRange(0, static_cast<int>(Wrapping::kCount)));
}

Draw draw() {
    return {draw_wrapping(),
            *rc::gen::element(Role::kServer, Role::kClient),
            *rc::gen::element(Learning::kFromAcks, Learning::kAnnounced),
            *rc::gen::arbitrary<bool>(),
            *numbers(),
            *numbers(),
            *numbers(),
            *numbers(),
            *numbers(),
            *rc::gen::arbitrary<uint32_t>()};
}

/// Frames are compared as whole frames: the numbers, and the checksums over them.
void expect_frame(const Frame& got, const FrameBuilder& want) {
    RC_ASSERT(bytes_of(got) == want.build());
}

class Model {
  public:
    explicit Model(const Draw& draw)
        : draw_(draw),
          rig_(draw.learning, 10, draw.wrapping),
          random_(draw.seed),
          secondary_isn_(draw.secondary_isn) {
        clock_apart_ = random_();
    }

    void run() {
        rig_.mapper().set_base(rig_.key(), {}, rig_.now());
        draw_.role == Role::kServer ? accept() : connect();
        const bool fails_over = below(2);
        for (int step = 0; step < 30; ++step) {
            if (fails_over && step == 20) failover();
            if (below(10) == 0 && !alone_) fence();
            below(2) ? vm_sends() : client_sends();
            pass(below(200));
        }
    }

  private:
    uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
    void pass(uint32_t ticks) { rig_.pass_time(milliseconds(ticks)); }
    uint32_t ticks() const { return static_cast<uint32_t>(rig_.now() / milliseconds(1)); }

    // Clocks. The secondary's lags behind, as a copy that began to run later.
    uint32_t primary_clock() const { return draw_.primary_clock + ticks(); }
    uint32_t secondary_clock() const { return primary_clock() + clock_apart_ - lag_; }
    uint32_t client_clock() const { return draw_.client_clock + ticks(); }

    FrameBuilder stamped(FrameBuilder frame, uint32_t value, uint32_t echo,
                         std::initializer_list<std::pair<uint32_t, uint32_t>> blocks = {}) const {
        using namespace tcp_option;
        const bool has_blocks = blocks.size() > 0;
        const ByteVector none;
        const ByteVector first = draw_.timestamps ? timestamps(value, echo) : none;
        const ByteVector second = has_blocks ? sack(blocks) : none;
        return frame.options({nop(), nop(), first, nop(), nop(), second});
    }

    FrameBuilder vm(uint32_t isn, uint32_t position, uint32_t value) const {
        return stamped(rig_.vm().seq(isn + position).ack(client_next_), value, client_clock());
    }
    FrameBuilder client(uint32_t isn, uint32_t position, uint32_t echo) const {
        return stamped(rig_.client().seq(client_next_).ack(isn + position), client_clock(), echo,
                       {{isn + position + 10, isn + position + 20}});
    }

    void note_secondary_clock() { latest_ = secondary_clock(); }

    void announce() {
        if (draw_.learning != Learning::kAnnounced) return;
        rig_.learn({{static_cast<SeqDelta>(secondary_isn_ - draw_.primary_isn),
                     draw_.timestamps ? secondary_clock() - primary_clock() : 0},
                    Seq(draw_.primary_isn + 1)});
    }

    /// The TSval the client has of the primary.
    void primary_speaks() { seen_ = primary_clock(); }

    void accept() {
        client_next_ = draw_.client_isn + 1;
        const uint8_t flags = tcp_flag::kSyn | tcp_flag::kAck;
        rig_.output(vm(secondary_isn_, 0, secondary_clock()).flags(flags));
        note_secondary_clock();
        primary_speaks();
        announce();
        delta_ticks_ = latest_ - seen_;
        pass(below(100));
        const Frame mapped = rig_.input_frame(client(draw_.primary_isn, 1, seen_).build());
        expect_frame(mapped, client(secondary_isn_, 1, latest_));
        echoed();
    }

    void connect() {
        rig_.output(
            stamped(rig_.vm().seq(secondary_isn_), secondary_clock(), 0).flags(tcp_flag::kSyn));
        note_secondary_clock();
        primary_speaks();
        announce();
        delta_ticks_ = latest_ - seen_;
        pass(below(100));
        client_next_ = draw_.client_isn;
        const uint8_t flags = tcp_flag::kSyn | tcp_flag::kAck;
        const Frame mapped =
            rig_.input_frame(client(draw_.primary_isn, 1, seen_).flags(flags).build());
        if (seen_ == 0) RC_DISCARD("a TSecr of 0 in a SYN is none");
        expect_frame(mapped, client(secondary_isn_, 1, latest_).flags(flags));
        client_next_ = draw_.client_isn + 1;
        echoed();
    }

    void echoed() {
        highest_echo_ = seen_;
        echoed_at_ = ticks();
    }

    Offset total() {
        const auto total = rig_.mapper().total(rig_.key());
        RC_ASSERT(total.has_value());
        return *total;
    }

    void vm_sends() {
        const uint32_t size = 1 + below(100);
        const uint32_t clock = secondary_clock();
        const ByteVector bytes = pattern(size, position_);
        const Frame mapped =
            rig_.output_frame(vm(secondary_isn_, position_, clock).payload(bytes).build());
        note_secondary_clock();
        const uint32_t expected = clock - delta_ticks_;
        expect_frame(mapped, vm(draw_.primary_isn, position_, expected).payload(bytes));
        position_ += size;
        if (alone_) {
            // One clock for the client, which never runs backwards.
            RC_ASSERT(!draw_.timestamps || Seq(expected) >= Seq(seen_));
            seen_ = expected;
        } else {
            primary_speaks();
        }
    }

    void client_sends() {
        const bool has_data = below(2);
        FrameBuilder in = client(draw_.primary_isn, position_, seen_);
        const uint32_t plain = seen_ + delta_ticks_;
        const bool too_late = latest_known_ && Seq(plain) > Seq(latest_);
        FrameBuilder want = client(secondary_isn_, position_, too_late ? latest_ : plain);
        if (has_data) {
            in.payload("some words");
            want.payload("some words");
        }
        expect_frame(rig_.input_frame(in.build()), want);
        if (latest_known_) echoed();
        if (has_data) client_next_ += 10;
    }

    /// The secondary is now a copy, which has begun to run a little later.
    void fence() {
        rig_.mapper().fence();
        secondary_isn_ = draw_.primary_isn;
        clock_apart_ = 0;
        lag_ = below(50);
        delta_ticks_ = 0;
        latest_known_ = false;
        RC_ASSERT(total() == Offset{});
        vm_sends();
        latest_known_ = true;
    }

    void failover() {
        const Offset before = total();
        RC_ASSERT(before.seq == static_cast<SeqDelta>(secondary_isn_ - draw_.primary_isn));
        pass(below(5000));
        rig_.failover();
        alone_ = true;
        if (draw_.timestamps) {
            const uint32_t target = highest_echo_ + (ticks() - echoed_at_) + 1000;
            delta_ticks_ = total().timestamp;
            RC_ASSERT(Seq(latest_ - delta_ticks_) >= Seq(target));
        } else if (before.seq == 0) {
            RC_ASSERT(rig_.mapper().flows() == 0u);
        }
        vm_sends();
    }

    const Draw draw_;
    MapperRig rig_;
    std::minstd_rand random_;
    bool alone_ = false;
    bool latest_known_ = true;
    uint32_t secondary_isn_;
    uint32_t client_next_ = 0;
    uint32_t position_ = 1;  ///< of the VMs' next byte
    uint32_t clock_apart_ = 0;
    uint32_t lag_ = 0;
    uint32_t delta_ticks_ = 0;
    uint32_t latest_ = 0;  ///< TSval of the secondary
    uint32_t seen_ = 0;    ///< latest TSval that the client has
    uint32_t highest_echo_ = 0;
    uint32_t echoed_at_ = 0;
};

RC_GTEST_PROP(MapperProperty, BothSidesFindTheNumbersTheyKnow, ()) {
    Model(draw()).run();
}

/// A source of frames and events without any sense.
class Noise {
  public:
    Noise(Wrapping wrapping, Learning learning, uint32_t seed)
        : wrapping_(wrapping), rig_(learning, kMaxFlows, wrapping), random_(seed) {}

    void run() {
        for (int step = 0; step < 300; ++step) {
            send();
            if (below(20) == 0) rig_.mapper().fence();
            if (below(20) == 0) rig_.learn({offset(), Seq(number()), below(2) == 0}, port());
            if (below(40) == 0) rig_.mapper().set_base(rig_.key(port()), {offset()}, rig_.now());
            if (below(200) == 0) rig_.failover();
            rig_.pass_time(milliseconds(below(20'000)));
        }
    }

  private:
    static constexpr uint32_t kMaxFlows = 3;

    uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
    uint32_t number() { return 0xfffffff0 + below(64); }
    uint16_t port() { return static_cast<uint16_t>(1 + below(5)); }
    Offset offset() { return {static_cast<SeqDelta>(below(2)), below(2)}; }

    void send() {
        const bool from_vm = below(2);
        const ByteVector bytes = below(8) ? segment(from_vm) : error(from_vm);
        const Frame mapped = from_vm ? rig_.output_frame(bytes) : rig_.input_frame(bytes);
        RC_ASSERT(mapped.size() == bytes.size());
        RC_ASSERT(transport_checksum_ok(parse(mapped.bytes(), 0)));
        RC_ASSERT(rig_.mapper().flows() <= kMaxFlows);
    }

    ByteVector segment(bool from_vm) {
        FrameBuilder frame = from_vm ? rig_.vm(port()) : rig_.client(port());
        frame.seq(number()).ack(number()).flags(static_cast<uint8_t>(below(256)));
        if (below(2)) frame.payload(pattern(below(20)));
        if (below(2)) {
            frame.options({tcp_option::timestamps(number(), number()), tcp_option::nop(),
                           tcp_option::sack({{number(), number()}})});
        }
        return frame.build();
    }

    ByteVector error(bool from_vm) {
        const bool ipv6 = wrapping_ == Wrapping::kIpv6 || wrapping_ == Wrapping::kVlanIpv6;
        FrameBuilder offender = wrapped(ipv6 ? Wrapping::kIpv6 : Wrapping::kIpv4, 80, port());
        if (from_vm) offender.swap_ends();
        FrameBuilder frame = from_vm ? rig_.vm() : rig_.client();
        return frame.icmp_error(ipv6 ? 1 : 3, 0, 0, offender.seq(number()).ack(number()).build())
            .build();
    }

    Wrapping wrapping_;
    MapperRig rig_;
    std::minstd_rand random_;
};

RC_GTEST_PROP(MapperProperty, RightChecksumsStayRightAndFlowsAreBounded, (uint32_t seed)) {
    Noise(draw_wrapping(), *rc::gen::element(Learning::kFromAcks, Learning::kAnnounced), seed)
        .run();
}

}  // namespace
}  // namespace colo::test
