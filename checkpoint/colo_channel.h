// SPDX-License-Identifier: GPL-2.0-or-later
// A relayed COLO migration channel, read as it passes. QEMU tells nobody outside when its VMs stand
// still, but its two ends tell each other, and we sit between them:
//
//   forward (primary's QEMU -> secondary's)      back
//   the migration, opaque ---------------------> <- READY      both VMs run
//   .-> REQUEST -------------------------------> <- REPLY      the SVM is stopped
//   |   the PVM's state, opaque ---------------> <- RECEIVED   all of it has come: the commit point
//   |                                            <- LOADED     the SVM is a copy, both run again
//   '------------------------------------------------'
//
// A message is four bytes: 0 READY, 1 REQUEST, 2 REPLY, 5 RECEIVED, 6 LOADED (QEMU's COLOMessage).
// Whatever else QEMU sends forward stays opaque. Messages are told and held *before* they are
// handed on, so that a fence can be made between a message and its effect. Bytes may be split
// anywhere.
//
// Who comes out of turn, or sends a message nobody waits for, breaks the channel: no fence could be
// trusted then. Nothing is buffered but the three bytes of an unfinished message: while a message
// is held, its direction takes nothing, and the caller stops reading there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "packet/bytes.h"
#include "packet/time.h"

namespace colo {

enum class ColoMessage : uint8_t { kReady, kRequest, kReply, kReceived, kLoaded };

enum class ColoPhase : uint8_t {
    kMigrating,  ///< READY is awaited
    kRunning,    ///< both VMs run; REQUEST is awaited
    kRequested,  ///< REPLY is awaited
    kReplied,    ///< the SVM is stopped, the PVM's state passes; RECEIVED is awaited
    kReceived,   ///< the SVM loads it; LOADED is awaited
    kBroken,
};

enum class ColoDirection : uint8_t { kForward, kBack };

const char* to_string(ColoMessage message);
const char* to_string(ColoPhase phase);
/// "the primary's QEMU": whose bytes these are.
const char* sender(ColoDirection direction);
constexpr ColoDirection direction_of(ColoMessage message) {
    return message == ColoMessage::kRequest ? ColoDirection::kForward : ColoDirection::kBack;
}

class ColoChannel {
  public:
    /// May call back into the channel (but for take() of the same direction), not destroy it.
    class Sink {
      public:
        /// To the other end, in order. The bytes live as long as the call.
        virtual void pass(ColoDirection direction, Bytes bytes) = 0;
        /// A message has come; it is held until hand_on(). The phase is what it says already.
        virtual void held(ColoMessage message) = 0;
        /// The last call: nothing passes any more.
        virtual void broken(const std::string& why) = 0;

      protected:
        ~Sink() = default;
    };

    ColoChannel(Sink& sink, Time now) : sink_(sink), last_progress_(now) {}
    ColoChannel(const ColoChannel&) = delete;
    ColoChannel& operator=(const ColoChannel&) = delete;

    /// Takes what has come from the sender of `direction`; returns how much of it was taken: less
    /// than all while a message is held there, or when the channel is broken.
    size_t take(ColoDirection direction, Bytes input, Time now);
    /// The message held in its direction goes to the other end.
    void hand_on(ColoMessage message);
    bool is_holding(ColoDirection direction) const { return side(direction).is_holding; }

    ColoPhase phase() const { return phase_; }
    /// A checkpoint is under way.
    bool is_in_checkpoint() const {
        return phase_ == ColoPhase::kRequested || phase_ == ColoPhase::kReplied ||
               phase_ == ColoPhase::kReceived;
    }
    /// When the last byte came.
    Time last_progress() const { return last_progress_; }
    /// Bytes taken so far.
    uint64_t taken(ColoDirection direction) const { return side(direction).taken; }

  private:
    struct Side {
        std::array<uint8_t, 4> word{};  ///< of a message
        size_t word_size = 0;           ///< how much of it there is
        bool is_holding = false;
        uint64_t taken = 0;
    };

    Side& side(ColoDirection direction) { return sides_[static_cast<size_t>(direction)]; }
    const Side& side(ColoDirection direction) const {
        return sides_[static_cast<size_t>(direction)];
    }
    size_t step(ColoDirection direction, Bytes input);
    void complete(ColoMessage expected, Side& side);
    void break_off(const std::string& why);

    Sink& sink_;
    ColoPhase phase_ = ColoPhase::kMigrating;
    std::array<Side, 2> sides_;
    Time last_progress_;
};

}  // namespace colo
