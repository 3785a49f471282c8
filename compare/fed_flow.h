// SPDX-License-Identifier: GPL-2.0-or-later
// What a secondary's VM and the client of one TCP connection have said last, and what follows from it:
// flow_feed.h tells the story. All numbers are the VM's: the client's segments come mapped.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "compare/flow_mapping.h"
#include "compare/list.h"
#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/pure_ack.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

/// A client's frame that waits for the VM's window.
struct HeldFrame {
    HeldFrame(Frame its_frame, const SegmentNumbers& its_segment)
        : frame(std::move(its_frame)), segment(its_segment) {}

    Frame frame;
    SegmentNumbers segment;
    HeldFrame* next = nullptr;
};

class FedFlow {
  public:
    FedFlow(const FlowKey& its_key, uint64_t its_connection, uint32_t epoch)
        : key(its_key), connection(its_connection), epoch_(epoch) {}

    /// The VM has become a copy: what it said before, and what was mapped for it, is void.
    void enter_epoch(uint32_t epoch);

    // --- The VM's segments

    /// False: `syn` begins another connection, for which there has to be another FedFlow.
    bool continues(const SegmentNumbers& syn) const;
    void vm_sent(const SegmentNumbers& segment, const PacketView& view);
    /// Of what the VM has sent in this connection: it is not acked as a whole.
    bool is_outstanding(const SegmentNumbers& segment) const;
    /// Whether the client, who has had all this already, would answer it at once.
    bool calls_for_ack(const SegmentNumbers& segment) const;
    /// At most one each kAnswerPause.
    bool may_answer(Time now);

    // --- The client's segments

    /// Not made up by a stranger, as far as can be told; else nothing is to be learnt from it.
    bool is_plausible(const SegmentNumbers& segment) const;
    /// True: its ack or its window is news.
    bool client_sent(const SegmentNumbers& segment, const PacketView& view);
    /// Beyond what the VM has said that it takes.
    bool is_beyond_window(Seq end, uint32_t length) const;
    /// The segment goes to the VM.
    void pass(const SegmentNumbers& segment);
    /// Whether a segment that fits is one for which what waits has to wait.
    bool goes_before_held(const SegmentNumbers& segment) const;
    /// Which of those that wait it is to be behind; null: none.
    HeldFrame* place_of(const SegmentNumbers& segment) const;
    /// The TSval that the VM has got already, where that is later than the segment's.
    std::optional<uint32_t> later_tsval(const SegmentNumbers& segment) const;

    /// The client's last word as a segment; nothing as long as it has not said any.
    std::optional<PureAck> ack() const;
    /// FIN both ways, and both acknowledged.
    bool is_closed() const;

    static constexpr Time kAnswerPause = milliseconds(100);

    FlowKey key;
    uint64_t connection;   ///< never another one's
    bool touched = false;  ///< used since eviction last looked
    Fifo<HeldFrame, &HeldFrame::next> held;
    uint32_t held_bytes = 0;
    FedFlow* previous = nullptr;  ///< of all flows
    FedFlow* next = nullptr;
    FedFlow* previous_holder = nullptr;
    FedFlow* next_holder = nullptr;

  private:
    enum Mark : uint16_t {
        kVm = 1 << 0,          ///< vm_next_ is valid
        kVmAck = 1 << 1,       ///< vm_ack_ is valid
        kIsn = 1 << 2,         ///< isn_ is valid
        kScaleKnown = 1 << 3,  ///< scale_ is in force
        kOffered = 1 << 4,     ///< the VM's SYN had a scale: the client's SYN-ACK decides
        kEdge = 1 << 5,        ///< edge_ is valid
        kVmStamp = 1 << 6,     ///< vm_tsval_ is valid
        kVmFin = 1 << 7,
        kClientAck = 1 << 8,     ///< client_ack_ and window_ are valid
        kClientNext = 1 << 9,    ///< client_next_ is valid
        kClientStamp = 1 << 10,  ///< client_tsval_ is valid
        kClientFin = 1 << 11,
    };
    bool has(unsigned marks) const { return (marks_ & marks) == marks; }
    void set(unsigned marks) { marks_ = static_cast<uint16_t>(marks_ | marks); }
    void clear(unsigned marks) { marks_ = static_cast<uint16_t>(marks_ & ~marks); }
    void note_vm_syn(const SegmentNumbers& syn, const PacketView& view);
    void note_edge(const SegmentNumbers& segment, uint16_t window);
    void note_client_syn(const PacketView& view);

    uint16_t marks_ = 0;
    uint8_t scale_ = 0;
    uint16_t window_ = 0;  ///< the client's, as it stands in the header
    uint32_t epoch_;
    Seq isn_;
    Seq vm_next_;  ///< behind all it has sent
    Seq vm_ack_;
    Seq edge_;             ///< of the VM's window
    uint32_t widest_ = 0;  ///< the VM's window has been
    uint32_t vm_tsval_ = 0;
    Seq client_ack_;
    Seq client_next_;  ///< behind all that the VM has been given
    uint32_t client_tsval_ = 0;
    Time next_answer_ = Time::min();
};

}  // namespace colo
