// SPDX-License-Identifier: GPL-2.0-or-later
// A checkpoint as the secondary's proxy lives it: the other ends of the fences of
// primary_checkpoint.h, and the commit point. Pure: events come in, orders go out.
//
//   migrating --READY, mark--> running --REQUEST, mark, input empty--> requested --REPLY--> replied
//   replied --RECEIVED: commit--> received --LOADED--> running
//
// Two channels meet here. The mark comes with the packets, READY's and REQUEST's effects with the
// migration; each waits for the other. A frame mirrored before the mark reaches the SVM before
// REQUEST does.
//
// The commit point is RECEIVED, read from our own QEMU: it has the whole state then and will load
// it, whatever becomes of the primary. Before it, the SVM is what it was.
//
// What the SVM sends counts in an epoch or not at all: nothing does before READY, nor from REPLY
// (it is stopped; what is still under way belongs to a state that is given up) until RECEIVED.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/colo_channel.h"

namespace colo {

class SecondaryCheckpoint {
  public:
    class Orders {
      public:
        /// input_empty() once the VM has taken all that was written to it, or after a bounded time.
        virtual void let_input_run_empty() = 0;
        /// output_drained() once nothing comes from the stopped VM any more and no frame is
        /// incomplete. All of it is dropped.
        virtual void drain_output() = 0;
        /// The VM is, or will be, a copy of the primary: every delta is 0 from here on.
        virtual void begin_epoch(uint32_t epoch) = 0;
        virtual void hand_on(ColoMessage message) = 0;

      protected:
        ~Orders() = default;
    };

    explicit SecondaryCheckpoint(Orders& orders) : orders_(orders) {}
    SecondaryCheckpoint(const SecondaryCheckpoint&) = delete;
    SecondaryCheckpoint& operator=(const SecondaryCheckpoint&) = delete;

    /// A migration to our QEMU begins.
    void begin();
    /// The mark of `epoch` has come, behind all frames of the epoch before. Returns what is wrong
    /// with it: nothing, or why the peer cannot be trusted.
    std::optional<std::string> mark(uint32_t epoch);
    /// The channel holds `message`.
    void message(ColoMessage message);
    void input_empty();
    void output_drained();
    /// The channel is gone. What has been committed remains so.
    void end() { phase_ = Phase::kIdle; }

    /// The epoch in which what the SVM sends now counts; nothing: it is dropped.
    std::optional<uint32_t> output_epoch() const;
    /// The last one committed; nothing: the SVM has never been a copy, and cannot take over.
    std::optional<uint32_t> committed() const { return committed_; }
    bool is_idle() const { return phase_ == Phase::kIdle; }

  private:
    enum class Phase : uint8_t {
        kIdle,
        kMigrating,
        kAtReady,  ///< waits for the mark
        kRunning,
        kAtRequest,  ///< waits for the mark
        kEmptying,   ///< waits for the VM to take its input
        kRequested,
        kAtReply,
        kReplied,
        kAtReceived,
        kReceived,
    };

    void at_ready();
    void at_request();
    void commit();

    Orders& orders_;
    Phase phase_ = Phase::kIdle;
    std::optional<uint32_t> committed_;
    std::optional<uint32_t> marked_;  ///< the next one
};

}  // namespace colo
