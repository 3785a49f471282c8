// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/colo_channel.h"

#include <algorithm>

namespace colo {

namespace {

constexpr uint32_t wire_value(ColoMessage message) {
    switch (message) {
        case ColoMessage::kReady:
            return 0;
        case ColoMessage::kRequest:
            return 1;
        case ColoMessage::kReply:
            return 2;
        case ColoMessage::kReceived:
            return 5;
        case ColoMessage::kLoaded:
            break;
    }
    return 6;
}

/// The only message that may come in a phase.
constexpr ColoMessage awaited_in(ColoPhase phase) {
    switch (phase) {
        case ColoPhase::kMigrating:
            return ColoMessage::kReady;
        case ColoPhase::kRunning:
            return ColoMessage::kRequest;
        case ColoPhase::kRequested:
            return ColoMessage::kReply;
        case ColoPhase::kReplied:
            return ColoMessage::kReceived;
        case ColoPhase::kReceived:
        case ColoPhase::kBroken:
            break;
    }
    return ColoMessage::kLoaded;
}

constexpr ColoPhase phase_behind(ColoMessage message) {
    switch (message) {
        case ColoMessage::kRequest:
            return ColoPhase::kRequested;
        case ColoMessage::kReply:
            return ColoPhase::kReplied;
        case ColoMessage::kReceived:
            return ColoPhase::kReceived;
        case ColoMessage::kReady:
        case ColoMessage::kLoaded:
            break;
    }
    return ColoPhase::kRunning;
}

constexpr bool is_opaque(ColoDirection direction, ColoPhase phase) {
    return direction == ColoDirection::kForward &&
           (phase == ColoPhase::kMigrating || phase == ColoPhase::kReplied);
}

std::string while_awaiting(ColoPhase phase) {
    return std::string(" while ") + to_string(awaited_in(phase)) + " is awaited";
}

}  // namespace

const char* to_string(ColoMessage message) {
    constexpr const char* kNames[] = {"READY", "REQUEST", "REPLY", "RECEIVED", "LOADED"};
    return kNames[static_cast<size_t>(message)];
}

const char* to_string(ColoPhase phase) {
    constexpr const char* kNames[] = {"migrating", "running",  "requested",
                                      "replied",   "received", "broken"};
    return kNames[static_cast<size_t>(phase)];
}

const char* sender(ColoDirection direction) {
    return direction == ColoDirection::kForward ? "the primary's QEMU" : "the secondary's QEMU";
}

size_t ColoChannel::take(ColoDirection direction, Bytes input, Time now) {
    size_t taken = 0;
    while (taken < input.size() && !side(direction).is_holding && phase_ != ColoPhase::kBroken) {
        last_progress_ = now;
        taken += step(direction, input.subspan(taken));
    }
    return taken;
}

/// Something of `input` is taken, unless it breaks the channel.
size_t ColoChannel::step(ColoDirection direction, Bytes input) {
    Side& from = side(direction);
    if (is_opaque(direction, phase_)) {
        from.taken += input.size();
        sink_.pass(direction, input);
        return input.size();
    }
    const ColoMessage awaited = awaited_in(phase_);
    if (direction != direction_of(awaited)) {
        break_off(std::string(sender(direction)) + " sent " + std::to_string(input.size()) +
                  " bytes out of turn, " + std::to_string(from.taken) +
                  " bytes into its direction," + while_awaiting(phase_));
        return 0;
    }
    const size_t size = std::min(from.word.size() - from.word_size, input.size());
    std::copy_n(input.data(), size, from.word.data() + from.word_size);
    from.word_size += size;
    from.taken += size;
    if (from.word_size == from.word.size()) complete(awaited, from);
    return size;
}

void ColoChannel::complete(ColoMessage awaited, Side& from) {
    from.word_size = 0;
    const uint32_t value = load_be32(from.word.data());
    if (value != wire_value(awaited)) {
        return break_off(std::string(sender(direction_of(awaited))) + " sent message " +
                         std::to_string(value) + while_awaiting(phase_));
    }
    phase_ = phase_behind(awaited);
    from.is_holding = true;
    sink_.held(awaited);
}

void ColoChannel::hand_on(ColoMessage message) {
    Side& from = side(direction_of(message));
    if (!from.is_holding || phase_ == ColoPhase::kBroken) return;
    from.is_holding = false;
    std::array<uint8_t, 4> word;
    store_be32(word.data(), wire_value(message));
    sink_.pass(direction_of(message), word);
}

void ColoChannel::break_off(const std::string& why) {
    phase_ = ColoPhase::kBroken;
    sink_.broken(why);
}

}  // namespace colo
