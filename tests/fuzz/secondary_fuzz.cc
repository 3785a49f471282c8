// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a secondary's frames between a hostile guest, hostile clients and a hostile peer of the link.
// Input: a byte (bit 0: with a link; bit 1: a table of 4 connections), then steps, each a byte of what happens:
//
//   0, 1   a segment of a client's, a train 2, 3   a segment of the VM's
//   4      any frame, either way           5      any offset message
//   6      time passes                     7      a fence, a look away, a flush, or the end
//
// What must hold: no frame is lost but what is counted, and none comes from nowhere; what waits is bounded and
// goes when it must.
#include <optional>

#include "compare/announcer.h"
#include "compare/offset_message.h"
#include "compare/secondary_path.h"
#include "fuzz_input.h"
#include "mould.h"
#include "packet/frame.h"

namespace colo::fuzz {
namespace {

constexpr size_t kWindowAt = 48;
constexpr size_t kStampsAt = 58;  ///< two NOPs and the option's kind and size before it

test::ByteVector headers_of(bool is_vms) {
    test::FrameBuilder frame;
    frame.macs(test::FrameBuilder::kGuestMac, test::FrameBuilder::kPeerMac)
        .ipv4("10.0.0.1", "10.0.0.9")
        .tcp(80, 40000)
        .options({test::tcp_option::nop(), test::tcp_option::nop(), test::tcp_option::timestamps(1, 1)});
    if (!is_vms) frame.swap_ends();
    return frame.build();
}

class Way final : private SecondaryPath::Outside, private AnnouncementSink {
  public:
    Way(Comparer comparer, uint32_t max_flows)
        : mapper_(max_flows, comparer == Comparer::kLinked ? Learning::kAnnounced : Learning::kFromAcks,
                  FlowHash(1, 2), pool_),
          announcer_(pool_, *this, FlowHash(1, 2)),
          path_(max_flows, comparer, FlowHash(1, 2), pool_, mapper_, announcer_, *this) {}

    void step(FuzzInput& input) {
        const uint8_t what = input.byte();
        switch (what & 7) {
            case 0:
                return from_peer(segment(false, what, input));
            case 1:
                return train(segment(false, what, input), input.byte());
            case 2:
            case 3:
                return from_vm(segment(true, what, input), what & 0x80);
            case 4: {
                const Bytes frame = input.bytes(input.byte());
                return what & 8 ? from_peer(frame) : from_vm(frame, false);
            }
            case 5:
                return told(input.bytes(input.byte() & 0x7F), what & 8);
            case 6:
                return pass_time(milliseconds(1) * (1 << (what >> 3 & 15)));
            default:
                return change(what >> 3);
        }
    }

    void check() {
        FUZZ_CHECK(path_.feed().held_bytes() <= FlowFeed::kMaxAllBytes);
        FUZZ_CHECK(mapper_.flows() <= mapper_.counters().input_frames + mapper_.counters().output_frames + told_);
        FUZZ_CHECK(from_vm_ + path_.dropped() + path_.neighbours().counters().questions == vm_said_);
    }

    /// Nothing waits any more.
    void check_all_gone() {
        path_.flush(now_);
        FUZZ_CHECK(path_.feed().held_bytes() == 0);
        FUZZ_CHECK(to_vm_ + path_.feed().counters().dropped == peer_said_ + path_.neighbours().counters().answered_here);
    }

  private:
    /// One of four connections, numbers near each other, sizes up to the largest.
    Bytes segment(bool is_vms, uint8_t what, FuzzInput& input) {
        Mould& mould = is_vms ? vms_ : clients_;
        const uint8_t where = input.byte();
        mould.put16(is_vms ? 36 : 34, static_cast<uint16_t>(40000 + (where & 3)));
        mould.put8(kTcpFlagsAt, static_cast<uint8_t>(what >> 3 & 15) | (where & 4 ? tcp_flag::kAck : 0));
        mould.put32(kTcpSeqAt, 0xFFFFFF00u + input.byte() * (where & 8 ? 1000u : 1u));
        mould.put32(kTcpAckAt, 0xFFFFFF00u + input.byte() * (where & 16 ? 1000u : 1u));
        mould.put16(kWindowAt, static_cast<uint16_t>(where & 32 ? 0 : input.byte() * 256));
        mould.put32(kStampsAt, input.byte()).put32(kStampsAt + 4, input.byte());
        static const test::ByteVector kData(1448, 0x5a);
        mould.payload(Bytes(kData).first(where & 64 ? kData.size() : where & 128 ? 1 : 0));
        return mould.put16(kIpv4LengthAt, static_cast<uint16_t>(mould.bytes().size() - 14)).bytes();
    }

    /// Mere acks may be replaced by others.
    static bool matters(Bytes frame, size_t wire_size) {
        const PacketView view = parse(frame, static_cast<uint32_t>(wire_size));
        if (!view.is_tcp()) return true;
        constexpr uint8_t kOthers = tcp_flag::kRst | tcp_flag::kSyn | tcp_flag::kFin;
        return !view.has(tcp_flag::kAck) || view.has(kOthers) || view.payload_size > 0;
    }

    void from_peer(Bytes frame) {
        peer_said_ += matters(frame, frame.size());
        path_.from_peer(pool_.copy(frame), now_);
    }
    /// Of data, one after the other.
    void train(Bytes first, unsigned count) {
        const PacketView view = parse(first, static_cast<uint32_t>(first.size()));
        for (unsigned i = 0; i < count; ++i) {
            clients_.put32(kTcpSeqAt, (view.seq + i * view.payload_size).raw());
            from_peer(clients_.bytes());
        }
    }
    void from_vm(Bytes frame, bool is_of_no_epoch) {
        ++vm_said_;
        path_.from_vm(pool_.copy(frame), is_of_no_epoch ? std::nullopt : std::optional(1u), now_);
    }
    void told(Bytes bytes, bool is_current) {
        ++told_;
        if (const auto message = decode_offset_message(bytes)) learn_offsets(mapper_, *message, is_current, now_);
    }
    void pass_time(Time time) {
        now_ += time;
        path_.tick(now_);
        announcer_.tick(now_);
    }
    void change(unsigned what) {
        if (what % 4 == 0) return path_.look_away(now_);
        if (what % 4 == 1) return path_.flush(now_);
        if (what % 4 == 2) {
            path_.flush(now_);
            return path_.begin_epoch();
        }
        if (what != 31) return;  // the end is rare
        for (Frame& frame : path_.end(now_)) from_vm(frame.bytes(), false);
        mapper_.failover(now_);
        announcer_.start(now_);
    }

    // SecondaryPath::Outside
    void to_vm(Frame&& frame, Time) override {
        to_vm_ += matters(frame.bytes(), frame.wire_size());
    }
    void from_vm(Frame&& frame, uint32_t, Time) override {
        ++from_vm_;
        parse(frame.bytes(), frame.wire_size());
    }
    void ask_at_peer(const Frame&) override {}
    // AnnouncementSink
    void announce(Frame) override {}

    FramePool pool_;
    FlowMapper mapper_;
    Announcer announcer_;
    SecondaryPath path_;
    Time now_ = seconds(1000);
    Mould vms_{headers_of(true)};
    Mould clients_{headers_of(false)};
    uint64_t peer_said_ = 0;  ///< without mere acks, as below
    uint64_t vm_said_ = 0;
    uint64_t to_vm_ = 0;
    uint64_t from_vm_ = 0;
    uint64_t told_ = 0;
};

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    const uint8_t kind = input.byte();
    Way way(kind & 1 ? Comparer::kLinked : Comparer::kUnlinked, kind & 2 ? 4 : 1000);
    while (!input.empty()) {
        way.step(input);
        way.check();
    }
    way.check_all_gone();
    return 0;
}
