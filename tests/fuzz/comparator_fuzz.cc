// SPDX-License-Identifier: GPL-2.0-or-later
// Two VMs that say anything: segments of any place, size, flags and bytes, SYNs, new incarnations,
// datagrams, cut frames, fences, time. Each frame of the primary is let out once or held; what is
// let out without a fence is what comparator_model.h allows; queues keep their bounds; nothing
// waits for ever.
#include <sanitizer/asan_interface.h>

#include <memory>
#include <unordered_map>
#include <utility>

#include "comparator_model.h"
#include "compare/comparator.h"
#include "mould.h"
#include "tests/support/frame_builder.h"

namespace colo::fuzz {
namespace {

constexpr size_t kMaxSteps = 300;
constexpr uint32_t kIncarnations = 6;
constexpr uint16_t kMss[] = {1460, 1400};

ComparatorConfig make_config(uint8_t decision) {
    ComparatorConfig config;
    config.max_connections = decision & 0x10 ? 2 : 8;
    config.max_queue_frames = 24;
    config.max_queue_bytes = 32u << 10;
    config.reassembly.segments_per_stream = 40;
    config.reassembly.bytes_per_stream = 64u << 10;
    return config;
}

/// What the harness knows of a frame it handed in as the primary's.
struct Sent {
    uint32_t size = 0;
    bool is_segment = false;
    uint16_t port = 0;
    Said said;
    uint16_t text = 0;
    bool out = false;
    size_t order = 0;
};

/// A VM as the input plays it.
struct Vm {
    uint32_t isn = 0;
    uint32_t incarnation = 0;
    uint32_t cursor = 0;
    bool has_begun = false;

    /// Further apart than what can be told from a segment that comes late.
    uint32_t number() const { return isn + incarnation * 100'000'007; }
};

class Run final : public ComparatorSink {
  public:
    explicit Run(uint8_t decision)
        : answers_at_once_(decision & 1),
          fence_(decision & 2 ? Fence::kLive : Fence::kReplay),
          comparator_(make_config(decision), FlowHash(3, 4), comparator_pool_, *this) {
        primary_.isn = decision & 4 ? 0xffffff00 : 1000;
        begins_in_middle_ = (decision & 8) != 0;
        secondary_.isn = begins_in_middle_ ? primary_.isn : 0x40000000;
    }

    void step(FuzzInput& input) {
        const uint8_t what = input.byte();
        switch (what & 15) {
            case 0:
                advance(milliseconds(1 + input.byte() * (what & 0x80 ? 37 : 1)));
                break;
            case 1:
                if ((what & 0xf0) == 0) fence();
                break;
            case 2:
                new_incarnation(what & 0x80 ? primary_ : secondary_);
                break;
            case 3:
            case 4:
                datagram(what, input);
                break;
            case 5:
                client(what, input);
                break;
            case 6:
                syn(primary_, what & 0x40);
                break;
            case 7:
                syn(secondary_, what & 0x40);
                break;
            default:
                segment(what, input);
        }
        answer();
        check_bounds();
    }

    /// As replay does: time runs on until nothing is held.
    void finish() {
        answers_at_once_ = true;
        answer();
        for (size_t turns = 0; !comparator_.holds_nothing(); ++turns) {
            FUZZ_CHECK(turns < 10'000 && comparator_.next_deadline() != kNever);
            tick(comparator_.next_deadline());
            answer();
        }
        for (const auto& sent : sent_) FUZZ_CHECK(sent->out);
        FUZZ_CHECK(comparator_.counters().released == sent_.size());
        FUZZ_CHECK(comparator_.queued().primary_bytes == 0);
    }

    void release(Frame frame, Time now) override {
        FUZZ_CHECK(now == now_);
        Sent& sent = *by_data_.at(frame.data());
        FUZZ_CHECK(!sent.out && frame.size() == sent.size);
        sent.out = true;
        --held_;
        held_bytes_ -= frame.size();
        check_order(sent);
        if (!sent.is_segment) {
            if (!in_fence_) datagrams_.released(sent.text);
        } else if (in_fence_) {
            streams_[sent.said.incarnation].settled(sent.said);
        } else {
            streams_[sent.said.incarnation].released(sent.said);
        }
    }
    void request_checkpoint(const CheckpointRequest& request) override {
        wanted_ = true;
        FUZZ_CHECK(request.reason != Reason::kPeriodic);
    }

  private:
    /// Within a flow in the order they came in.
    void check_order(const Sent& sent) {
        size_t& last = last_out_[sent.port];
        FUZZ_CHECK(sent.order > last);
        last = sent.order;
    }

    void advance(Time by) {
        const Time until = now_ + by;
        for (size_t turns = 0; comparator_.next_deadline() < until; ++turns) {
            FUZZ_CHECK(turns < 10'000);
            tick(comparator_.next_deadline());
            answer();
        }
        now_ = until;
    }
    void tick(Time time) {
        now_ = std::max(now_, time);
        comparator_.tick(now_);
        FUZZ_CHECK(comparator_.next_deadline() > now_);
    }
    void answer() {
        if (wanted_ && answers_at_once_) fence();
    }
    void fence() {
        in_fence_ = true;
        comparator_.fence(fence_, now_);
        in_fence_ = false;
        for (StreamModel& stream : streams_) stream.fenced();
        wanted_ = false;
        FUZZ_CHECK(held_ == 0 && comparator_.holds_nothing());
        if (fence_ == Fence::kLive) secondary_ = primary_;
    }

    void new_incarnation(Vm& vm) {
        if (vm.incarnation + 1 == kIncarnations) return;
        ++vm.incarnation;
        vm.cursor = 0;
        syn(vm, false);
    }

    /// The first incarnation begins with SYNs or, both counting alike, in its middle; a SYN that
    /// comes behind the first segment would be both.
    void syn(Vm& vm, bool other_mss) {
        if (begins_in_middle_ && vm.incarnation == 0) return;
        vm.has_begun = true;
        Said said{.incarnation = vm.incarnation};
        said.flags = tcp_flag::kSyn | tcp_flag::kAck;
        said.other_mss = other_mss;
        hand_in(vm, said);
    }

    void segment(uint8_t what, FuzzInput& input) {
        Vm& vm = what & 1 ? secondary_ : primary_;
        const uint8_t shape = input.byte();
        const uint8_t length = input.byte();
        Said said{.incarnation = vm.incarnation};
        const auto moved = static_cast<int8_t>(shape & 0x80 ? input.byte() : 0);
        said.begin = static_cast<uint32_t>(std::max<int64_t>(0, vm.cursor + int64_t{moved}));
        said.size = (length & 63) * (length & 64 ? 16u : 1u);
        if (said.end() > kSpan || (!begins_in_middle_ && !primary_.has_begun)) return;
        said.captured = said.size;
        if (length & 128) said.captured -= std::min<uint32_t>(said.size, input.byte() & 31);
        said.ack = input.byte();
        said.variant = shape & 1;
        if ((shape & 2) == 0) said.flags |= tcp_flag::kAck;
        if ((shape & 0x1c) == 0x1c) said.flags |= tcp_flag::kFin;
        if ((shape & 0x7c) == 0x40) said.flags |= tcp_flag::kRst;
        if ((shape & 0x60) != 0x60) vm.cursor = std::max(vm.cursor, said.end());
        hand_in(vm, said);
    }

    void hand_in(const Vm& vm, const Said& said) {
        const Bytes bytes = segment_bytes(vm, said);
        const size_t missing = said.size - said.captured;
        Frame frame = frame_of(bytes.first(bytes.size() - missing), bytes.size());
        if (&vm == &secondary_) {
            streams_[said.incarnation].secondary(said);
            comparator_.secondary(std::move(frame), comparator_.epoch(), now_);
        } else {
            if (!std::exchange(primary_.has_begun, true)) {
                streams_[said.incarnation].begins_at(said.begin);
            }
            auto sent = std::make_unique<Sent>();
            sent->is_segment = true;
            sent->port = 80;
            sent->said = said;
            primary(std::move(frame), std::move(sent));
        }
    }
    static Bytes segment_bytes(const Vm& vm, const Said& said) {
        static Mould segment(guest_segment().build());
        static Mould syn(guest_segment().options({test::tcp_option::mss(0)}).build());
        const bool is_syn = said.has(tcp_flag::kSyn);
        Mould& mould = is_syn ? syn : segment;
        if (is_syn) mould.put16(kTcpMssAt, kMss[said.other_mss]);
        mould.payload(bytes_of(said.begin, said.size, said.variant));
        mould.put16(kIpv4LengthAt, static_cast<uint16_t>(mould.bytes().size() - 14));
        mould.put32(kTcpSeqAt, vm.number() + (is_syn ? 0 : 1 + said.begin));
        mould.put32(kTcpAckAt, client_isn(said) + 1 + said.ack).put8(kTcpFlagsAt, said.flags);
        return mould.bytes();
    }
    static test::FrameBuilder guest_segment() {
        return test::FrameBuilder().ipv4("10.0.0.2", "10.0.0.1").tcp(80, 40000);
    }
    static uint32_t client_isn(const Said& said) { return 7000 + said.incarnation * 9'000'001; }

    void datagram(uint8_t what, FuzzInput& input) {
        const uint8_t text = input.byte() & 0x33;
        const uint16_t port = what & 0x40 ? 54 : 53;
        const bool is_empty = text >> 4 == 0;
        const Bytes bytes = datagram_bytes(port, text);
        const size_t missing = (what & 0xa0) == 0xa0 && !is_empty ? 1 : 0;
        // Without a byte all texts of a size are one.
        const auto name = static_cast<uint16_t>(is_empty ? port << 8 : port << 8 | text);
        Frame frame = frame_of(bytes.first(bytes.size() - missing), bytes.size());
        if ((what & 15) == 3) {
            datagrams_.secondary(name);
            comparator_.secondary(std::move(frame), comparator_.epoch(), now_);
            return;
        }
        auto sent = std::make_unique<Sent>();
        sent->port = port;
        sent->text = name;
        primary(std::move(frame), std::move(sent));
    }

    static Bytes datagram_bytes(uint16_t port, uint8_t text) {
        static std::map<std::pair<uint16_t, uint8_t>, test::ByteVector> made;
        test::ByteVector& bytes = made[{port, text}];
        if (!bytes.empty()) return bytes;
        const test::ByteVector payload(text >> 4, text & 3);
        test::FrameBuilder builder;
        builder.ipv4("10.0.0.2", "10.0.0.1").udp(port, 40000).payload(payload);
        bytes = builder.build();
        return bytes;
    }

    void client(uint8_t what, FuzzInput& input) {
        const Said said{.incarnation = what & 0x80 ? secondary_.incarnation : primary_.incarnation};
        static Mould mould(guest_segment().swap_ends().build());
        mould.put32(kTcpSeqAt, client_isn(said) + 1 + input.byte());
        mould.put32(kTcpAckAt, primary_.number() + 1 + input.byte());
        mould.put8(kTcpFlagsAt, input.byte());
        comparator_.input(frame_of(mould.bytes(), mould.bytes().size()), now_);
    }

    /// A byte too far is the sanitizer's: what lies behind the frame in its buffer is poisoned. The
    /// buffer is not recycled, so nobody else needs it.
    Frame frame_of(Bytes bytes, size_t wire_size) {
        handed_in_.push_back(pool_.copy(bytes, static_cast<uint32_t>(wire_size)));
        const Frame& frame = handed_in_.back();
        ASAN_POISON_MEMORY_REGION(frame.data() + frame.size(),
                                  frame.memory() - sizeof(FrameBuffer) - frame.size());
        return frame.share();
    }

    void primary(Frame frame, std::unique_ptr<Sent> sent) {
        sent->size = frame.size();
        sent->order = sent_.size() + 1;
        ++held_;
        held_bytes_ += frame.size();
        by_data_[frame.data()] = sent.get();
        sent_.push_back(std::move(sent));
        comparator_.primary(std::move(frame), now_);
    }

    void check_bounds() const {
        const QueueSizes& queued = comparator_.queued();
        FUZZ_CHECK(queued.primary_frames == held_ && queued.primary_bytes == held_bytes_);
        FUZZ_CHECK(comparator_.holds_nothing() == (held_ == 0));
        // Twins to come and late twins of three flows, and what one gap may let loose at once.
        FUZZ_CHECK(queued.secondary_frames <= 3 * (2 * 24 + 40));
        FUZZ_CHECK(queued.secondary_bytes <= (32u << 10) + (64u << 10) + 8192);
        FUZZ_CHECK(comparator_.table().size() <= 8);
    }

    bool answers_at_once_;
    bool begins_in_middle_ = false;
    Fence fence_;
    FramePool pool_;             ///< of what is handed in
    FramePool comparator_pool_;  ///< of what the comparator copies
    std::vector<Frame> handed_in_;
    std::vector<std::unique_ptr<Sent>> sent_;
    std::unordered_map<const uint8_t*, Sent*> by_data_;
    std::map<uint16_t, size_t> last_out_;
    std::array<StreamModel, kIncarnations> streams_;
    DatagramModel datagrams_;
    Vm primary_;
    Vm secondary_;
    Time now_{0};
    uint64_t held_ = 0;
    uint64_t held_bytes_ = 0;
    bool wanted_ = false;
    bool in_fence_ = false;
    Comparator comparator_;
};

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    Run run(input.byte());
    for (size_t i = 0; !input.empty() && i < kMaxSteps; ++i) run.step(input);
    run.finish();
    return 0;
}
