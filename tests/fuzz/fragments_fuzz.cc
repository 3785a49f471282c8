// SPDX-License-Identifier: GPL-2.0-or-later
// Fragments of a few datagrams in any order, honest and forged. No frame is lost, the limits hold,
// and a datagram of honest fragments is the one that was sent.
#include <array>
#include <cstring>
#include <vector>

#include "fuzz_input.h"
#include "mould.h"
#include "packet/fragments.h"
#include "packet/view.h"
#include "tests/support/frame_builder.h"

namespace colo::fuzz {
namespace {

constexpr size_t kMaxSteps = 160;

struct Op {
    uint8_t what;
    uint8_t where;
    uint8_t size;
    uint8_t with;
};

constexpr uint32_t kIds = 4;
constexpr size_t kMostBytes = 4096;  ///< more than an Op's offset and size reach

/// Honest data of datagram `id`.
Bytes bytes_of(uint32_t id, size_t position, size_t size) {
    using Datagrams = std::array<std::array<uint8_t, kMostBytes>, kIds>;
    static const Datagrams datagrams = [] {
        Datagrams made;
        for (size_t i = 0; i < kIds * kMostBytes; ++i) {
            const size_t at = i / kIds;
            made[i % kIds][at] = static_cast<uint8_t>(i % kIds * 89 + at * 7 + (at >> 8));
        }
        return made;
    }();
    return Bytes(datagrams[id]).subspan(position, size);
}

Mould headers(test::FrameBuilder builder) {
    return Mould(builder.protocol(200).fragment(0, 0, false));
}

Mould& ipv4_mould(uint32_t id, size_t offset, bool more, size_t size) {
    static Mould mould = headers(test::FrameBuilder().ipv4("10.0.0.1", "10.0.0.2"));
    mould.put16(kIpv4LengthAt, static_cast<uint16_t>(20 + size));
    mould.put16(kIpv4IdAt, static_cast<uint16_t>(id));
    mould.put16(kIpv4FragmentAt, static_cast<uint16_t>((more ? 0x2000 : 0) | offset / 8));
    return mould;
}

Mould& ipv6_mould(uint32_t id, size_t offset, bool more, size_t size) {
    static Mould mould = headers(test::FrameBuilder().ipv6("2001:db8::1", "2001:db8::2"));
    mould.put16(kIpv6LengthAt, static_cast<uint16_t>(8 + size));
    mould.put16(kIpv6FragmentAt, static_cast<uint16_t>(offset | (more ? 1 : 0)));
    mould.put32(kIpv6FragmentIdAt, id);
    return mould;
}

class Run {
  public:
    void add(const Op& op) {
        const bool forged = (op.with & 0x80) != 0;
        const uint32_t id = op.what >> 4 & 3;
        const size_t offset = op.where * size_t{8};
        const size_t size = (op.size & 0x3f) * size_t{8} + (op.with & 0x07);
        const bool more = (op.size & 0x40) != 0;
        Mould& mould = op.what & 0x08 ? ipv6_mould(id, offset, more, size)
                                      : ipv4_mould(id, offset, more, size);
        const Bytes honest = bytes_of(id, offset, size);
        mould.payload(honest);
        if (forged && size > 0) mould.put8(mould.headers_size(), honest[0] ^ op.with);
        push(mould.bytes(), forged ? forged_ : honest_);
    }
    void add_raw(Bytes bytes) { push(bytes, forged_); }
    void pass(Time time) {
        now_ += time;
        table_.expire(now_, done_);
        FUZZ_CHECK(table_.next_deadline() > now_);
        settle();
    }
    void drain() {
        table_.drain(done_);
        settle();
        FUZZ_CHECK(held_ == 0 && table_.datagrams() == 0 && table_.bytes() == 0);
        FUZZ_CHECK(table_.next_deadline() == kNever);
    }

  private:
    void push(Bytes bytes, uint64_t& counter) {
        Frame frame = pool_.copy(bytes);
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        if (!view.is_fragment) return;
        ++counter;
        ++held_;
        table_.add(std::move(frame), view, now_, done_);
        settle();
    }

    void settle() {
        for (const FragmentGroup& group : done_) {
            FUZZ_CHECK(!group.frames.empty() && group.frames.size() <= held_);
            held_ -= group.frames.size();
            FUZZ_CHECK(static_cast<bool>(group.whole) == (group.reason == DiscardReason::kNone));
            if (group.whole) check_whole(group.whole);
        }
        done_.clear();
        FUZZ_CHECK(table_.datagrams() <= limits_.datagrams && table_.bytes() <= limits_.bytes);
        FUZZ_CHECK((table_.datagrams() == 0) == (held_ == 0));
    }

    void check_whole(const Frame& whole) const {
        const PacketView view = parse(whole.bytes(), whole.wire_size());
        FUZZ_CHECK(!view.is_fragment);
        if (forged_ > 0 || view.family == Family::kNone) return;
        FUZZ_CHECK(view.problem == Problem::kNone && view.protocol == 200);
        const Bytes payload = view.payload();
        FUZZ_CHECK(payload.size() <= kMostBytes);
        bool is_one = false;
        for (uint32_t id = 0; id < kIds; ++id) {
            const Bytes sent = bytes_of(id, 0, payload.size());
            is_one |= std::memcmp(payload.data(), sent.data(), payload.size()) == 0;
        }
        FUZZ_CHECK(is_one);
    }

    const FragmentLimits limits_{.datagrams = 5, .bytes = 64u << 10, .timeout = seconds(30)};
    FramePool pool_;
    FragmentTable table_{pool_, limits_};
    std::vector<FragmentGroup> done_;
    Time now_{0};
    uint64_t held_ = 0;
    uint64_t honest_ = 0;
    uint64_t forged_ = 0;
};

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    Run run;
    for (size_t step = 0; !input.empty() && step < kMaxSteps; ++step) {
        const uint8_t what = input.byte();
        switch (what & 7) {
            case 0:
                run.pass(seconds(input.byte()));
                break;
            case 1:
                run.drain();
                break;
            case 2:
                run.add_raw(input.bytes(input.byte()));
                break;
            default: {
                const uint8_t where = input.byte();
                const uint8_t length = input.byte();
                run.add({what, where, length, input.byte()});
            }
        }
    }
    run.drain();
    return 0;
}
