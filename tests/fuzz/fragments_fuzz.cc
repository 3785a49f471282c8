// SPDX-License-Identifier: GPL-2.0-or-later
// Fragments of a few datagrams in any order, honest and forged. No frame is lost, the limits hold,
// and a datagram of honest fragments is the one that was sent.
#include <vector>

#include "fuzz_input.h"
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

/// Honest data of datagram `id`.
uint8_t byte_at(uint32_t id, size_t position) {
    return static_cast<uint8_t>(id * 89 + position * 7 + (position >> 8));
}

class Run {
  public:
    void add(const Op& op) {
        const bool forged = (op.with & 0x80) != 0;
        const uint32_t id = op.what >> 4 & 3;
        test::FrameBuilder builder;
        if (op.what & 0x08) {
            builder.ipv6("2001:db8::1", "2001:db8::2");
        } else {
            builder.ipv4("10.0.0.1", "10.0.0.2");
        }
        const size_t offset = op.where * size_t{8};
        const size_t size = (op.size & 0x3f) * size_t{8} + (op.with & 0x07);
        test::ByteVector data(offset + size);
        for (size_t i = offset; i < data.size(); ++i) data[i] = byte_at(id, i);
        if (forged && size > 0) data[offset] ^= op.with;
        const bool more = (op.size & 0x40) != 0;
        builder.ip_id(id).protocol(200).payload(data);
        push(builder.fragment(offset, size, more), forged ? forged_ : honest_);
    }
    void add_raw(Bytes bytes) { push({bytes.begin(), bytes.end()}, forged_); }
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
    void push(const test::ByteVector& bytes, uint64_t& counter) {
        Frame frame = pool_.copy(bytes);
        PacketView view;
        parse(frame.bytes(), frame.wire_size(), view);
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
        PacketView view;
        parse(whole.bytes(), whole.wire_size(), view);
        FUZZ_CHECK(!view.is_fragment);
        if (forged_ > 0 || view.family == Family::kNone) return;
        FUZZ_CHECK(view.problem == Problem::kNone && view.protocol == 200);
        const Bytes payload = view.payload();
        for (size_t i = 0; i < payload.size(); ++i) {
            const bool some = payload[i] == byte_at(0, i) || payload[i] == byte_at(1, i) ||
                              payload[i] == byte_at(2, i) || payload[i] == byte_at(3, i);
            FUZZ_CHECK(some);
        }
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
