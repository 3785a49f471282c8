// SPDX-License-Identifier: GPL-2.0-or-later
// Translates between a VM and clients that know its connections by another VM's numbers: the
// mapping of filter-rewriter, and of a link that announces offsets. No file descriptors, threads or
// clocks.
//
//   client  --- ack, SACK blocks, TSecr --> input()  + total -->  VM
//           <-- seq, TSval --------------- output()  - total <--
//
// Number spaces. A VM counts its own bytes from an initial number (ISN) and stamps them with a
// clock of its own: its native space. The client's own numbers (its seq, its TSval) are the same
// for both VMs and never change.
//
//   client's space          PVM's native space       SVM's native space
//        |------- base ------------>|------- delta ------->|
//        |------- total = base + delta ------------------->|
//
//   base   is not 0 where the PVM itself is the survivor of a failover, for connections older than
//          that.
//   delta  is not 0 for connections begun since the last checkpoint, which makes the SVM a copy of
//          the PVM: fence(). It is never carried into another epoch; base always is.
//   failover()  folds delta into base; the same object then maps the survivor's path by base alone.
//          New connections are then the VM's own and are not even tracked.
//
// Where delta comes from:
//   - kAnnounced: learn(). Two announcements for one SYN (SYN cookies) stand side by side until the
//     client's ack says which one it knows.
//   - kFromAcks, for a mapper that sees nothing of the PVM: the client's ack of the handshake names
//     the PVM's ISN (ack - 1), the SVM's SYN-ACK its own. For connections of the guest: the peer's
//     SYN-ACK (or RST) and the SVM's SYN. The TSecr that comes with it gives the clocks' distance.
//     This is sound only while output goes out compared: otherwise the first ack seen may be ahead
//     of the ISN. Data in a SYN make the ack ambiguous; then nothing is learnt and a checkpoint has
//     to help.
//   - After a failover, from acks, for handshakes that were under way. What is learnt then is a base;
//     a new secondary is told (BaseObserver), or learns it from the same ack: set_unsettled(). An ack
//     of what the VM has said meanwhile, unmapped, tells that there is nothing to map.
//
// Forgery. A stranger (not on the path) sees none of the numbers. An ack is believed only for a
// handshake that the VM has answered, and only if its seq is that client's next byte, which a
// stranger to the connection has to guess out of 2^32. What he can do is begin and "acknowledge" a
// connection in somebody's name: the PVM refuses his ack, the SVM does not, and the difference
// costs a checkpoint. So does a forged SYN-ACK that meets a SYN of the guest. The comparator finds
// no equal bytes at positions mapped by a random offset, so no wrong byte leaves. Until the VM or
// the client has confirmed an offset, another ack may correct it. Packets of the client alone begin
// and end no flow; an RST of the VM that answers a stray segment ends none.
//
// Timestamps. A TSecr given to the VM is never later than its latest TSval, and in the handshake
// not earlier than its first (Linux drops an answer to its SYN otherwise). After a fence, until the
// VM has sent something, its latest TSval is not known and echoes pass: the client cannot have seen
// anything later. At failover a flow's TSval jumps ahead of all that the client can have seen.
//
// Frames are changed in place, or in a copy where their buffer has other handles
// (Frame::is_shared()); what needs no change passes as it is. Malformed frames pass and are
// counted. So do fragments: TCP practically never sends any (path MTU discovery, RFC 9293 3.7.2),
// and only a first one has numbers. Signed segments (TCP-MD5, TCP-AO) are mapped like others; their
// receiver refuses them, as it would unmapped ones. The comparator lists such flows as unprotected.
//
// Bounded: mapping_table.h. At most max_flows flows, about 180 bytes each; a SYN flood displaces
// closing and half-open ones only. A connection without a place passes unmapped, counted (no_room).
#pragma once

#include <cstdint>
#include <optional>

#include "compare/base_observer.h"
#include "compare/flow_mapping.h"
#include "compare/mapper_counters.h"
#include "compare/mapping_table.h"
#include "packet/frame.h"
#include "packet/icmp_error.h"
#include "packet/view.h"

namespace colo {

class FlowMapper {
  public:
    /// `pool`, for copies, must outlive the mapper.
    FlowMapper(uint32_t max_flows, Learning learning, const FlowHash& hash, FramePool& pool)
        : learning_(learning), table_(max_flows, hash, counters_), pool_(pool) {}
    FlowMapper(const FlowMapper&) = delete;
    FlowMapper& operator=(const FlowMapper&) = delete;
    /// From now on; flows that are above it go as others do.
    void set_max_flows(uint32_t max_flows) { table_.set_max_flows(max_flows); }

    // --- Frames. Input is handed in before the output that it causes. Time never runs backwards.

    /// Client -> VM.
    Frame input(Frame frame, Time now);
    /// VM -> client.
    Frame output(Frame frame, Time now);
    /// The same for callers that have parsed the frame already; `view` follows what comes back.
    Frame input(Frame frame, PacketView& view, Time now);
    Frame output(Frame frame, PacketView& view, Time now);
    /// Instead of output(), for a comparator that works in the client's space and knows delta itself:
    /// mapped by base alone.
    Frame output_for_comparator(Frame frame, PacketView& view, Time now);
    /// Instead of output(), where the VM's frames are wanted in its own numbers.
    void note_output(const PacketView& view, Time now);

    // --- Offsets

    /// The link announces a flow's delta. Without effect after a failover.
    void learn(const FlowKey& flow, const Announcement& announced, Time now);
    /// The flow's primary is a survivor. False (counted) when there is no room.
    bool set_base(const FlowKey& flow, const Base& base, Time now);
    /// The flow's primary is a survivor, and its base is not known there either. It becomes known by
    /// the client's ack, here as there, or by set_base(). Returns as set_base() does.
    bool set_unsettled(const FlowKey& flow, const Handshake& handshake, Time now);
    /// A checkpoint: the VM has become a copy of the primary. Its frames from before must not be
    /// handed in any more. Without effect on a VM that goes on alone.
    void fence();
    /// The VM goes on alone, from now.
    void failover(Time now);
    /// Calls visit(key, base) for each flow whose base is not 0: for a new secondary.
    template <typename Visit>
    void bases(Visit visit);
    /// Calls visit(key, handshake) for each flow whose base is not known: the same.
    template <typename Visit>
    void handshakes(Visit visit);
    /// Is told what changes after bases() and handshakes(); null: nobody is. Must outlive the mapper
    /// or be taken away.
    void set_observer(BaseObserver* observer) { table_.set_observer(observer); }

    // --- Figures

    /// The VM's native space above the client's; nothing where none is known.
    std::optional<Offset> total(const FlowKey& flow);
    uint32_t flows() const { return table_.size(); }
    const MapperCounters& counters() const { return counters_; }

  private:
    /// Which of a VM's offsets its output is to be freed from.
    enum class Without : uint8_t { kTotal, kBase };

    MappedFlow* find(const FlowKey& key);
    Learning learning() const { return is_alone_ ? Learning::kFromAcks : learning_; }

    static std::optional<Offset> above(const FlowMapping& mapping, Without without);
    Frame map_output(Frame frame, PacketView& view, Without without, Time now);
    Frame input_segment(Frame frame, PacketView& view, Time now);
    Frame output_segment(Frame frame, PacketView& view, Without without, Time now);
    Frame change_segment(Frame frame, PacketView& view, const SegmentShift& shift,
                         uint64_t& counter);
    Frame change_quoted(Frame frame, PacketView& view, QuotedSender sender, Without without);
    MappedFlow* vm_sent(const FlowKey& key, const SegmentNumbers& segment, Time now);
    MappedFlow* vm_syn(MappedFlow* flow, const FlowKey& key, const SegmentNumbers& syn, Time now);
    MappedFlow* take_up(const FlowKey& key, const SegmentNumbers& segment, Time now);
    MappedFlow* create(const FlowKey& key, const FlowMapping& mapping, Time now);
    void client_sent(MappedFlow& flow, const SegmentNumbers& segment, Time now);
    Frame own(Frame frame, PacketView& view);
    void count_passed(const PacketView& view);

    Learning learning_;
    bool is_alone_ = false;
    uint32_t epoch_ = 0;
    MapperCounters counters_;
    MappingTable table_;
    FramePool& pool_;
};

template <typename Visit>
void FlowMapper::handshakes(Visit visit) {
    table_.for_each([&](const MappedFlow& flow) {
        if (flow.mapping.is_unsettled()) visit(flow.key, flow.mapping.handshake());
    });
}

template <typename Visit>
void FlowMapper::bases(Visit visit) {
    table_.for_each([&](const MappedFlow& flow) {
        if (flow.mapping.base() != Offset{}) visit(flow.key, flow.mapping.base_to_tell());
    });
}

}  // namespace colo
