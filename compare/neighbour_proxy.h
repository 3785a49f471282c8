// SPDX-License-Identifier: GPL-2.0-or-later
// Answers the secondary's questions for neighbours (semantics.md, 7). Neighbour timers are random:
// the SVM asks when the PVM does not, and nobody on the network hears it. So:
//
//   the SVM asks --- within kPatience the answer comes with the mirrored frames: the PVM asked, too
//               \--- it does not: answered from what mirrored frames have told,
//                \-- or, if nothing is known, sent on for the primary's uplink, a few a second
//
// Probes for duplicates are never answered: the PVM's own answer would be the only true one.
// Bounded: kMaxQuestions wait, kMaxNeighbours are known.
#pragma once

#include <cstdint>
#include <vector>

#include "compare/neighbour_table.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

class NeighbourSink {
  public:
    /// An answer for the SVM.
    virtual void answer(Frame frame) = 0;
    /// The SVM's question, for the primary's uplink.
    virtual void ask(Frame frame) = 0;

  protected:
    ~NeighbourSink() = default;
};

struct NeighbourCounters {
    uint64_t questions = 0;
    uint64_t probes = 0;           ///< not answered
    uint64_t answered_by_all = 0;  ///< the answer came with the mirrored frames
    uint64_t answered_here = 0;
    uint64_t sent_on = 0;
    uint64_t refused = 0;  ///< too many waited, or were to be sent on: the SVM asks again
};

class NeighbourProxy {
  public:
    static constexpr Time kPatience = milliseconds(100);
    static constexpr size_t kMaxNeighbours = 4096;
    static constexpr size_t kMaxQuestions = 256;
    /// Sent on: a burst, and one more each interval.
    static constexpr uint32_t kBurst = 8;
    static constexpr Time kInterval = milliseconds(125);

    /// `pool` and `sink` must outlive the proxy.
    NeighbourProxy(FramePool& pool, NeighbourSink& sink, const FlowHash& hash)
        : pool_(pool), sink_(sink), neighbours_(kMaxNeighbours, hash) {}

    /// A frame of the SVM. True when it is a question, which this object now looks after.
    bool output(const Frame& frame, const PacketView& view, Time now);
    /// A mirrored frame.
    void input(const PacketView& view);
    void tick(Time now);
    Time next_deadline() const { return waiting_.empty() ? kNever : waiting_.front().due; }

    const NeighbourTable& neighbours() const { return neighbours_; }
    const NeighbourCounters& counters() const { return counters_; }

  private:
    struct Question {
        NeighbourMessage message;
        Frame frame;
        Time due;
    };

    bool is_waiting(const LinkAddress& target) const;
    void settle(const LinkAddress& target);
    void answer(Question& question, Time now);
    bool may_send_on(Time now);

    FramePool& pool_;
    NeighbourSink& sink_;
    NeighbourTable neighbours_;
    std::vector<Question> waiting_;  ///< by age
    NeighbourCounters counters_;
    Time allowance_from_ = Time::min();  ///< what has been allowed counts from here
};

}  // namespace colo
