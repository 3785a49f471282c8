// SPDX-License-Identifier: GPL-2.0-or-later
// Number spaces of a flow. A VM that continues another's connections counts from other initial
// numbers than the client knows. Two offsets, never one:
//   base   this VM's native space against the client's; non-zero only on a survivor of a failover
//   delta  the secondary's native space against the primary's
// each for sequence numbers (seq, ack, SACK blocks) and timestamps (TSval, TSecr). The comparator
// works in the client's space. Pure: driven by the comparator, by the link's announcements or by a
// rewriter that learns.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/rewrite.h"
#include "packet/seq.h"

namespace colo {

/// Modular: the lowest SeqDelta is its own negative.
constexpr SeqDelta negated(SeqDelta delta) {
    return static_cast<SeqDelta>(0u - static_cast<uint32_t>(delta));
}

/// How far one number space lies above another. An optional<Offset> says whether it is known; 0 is
/// a value like any other.
struct Offset {
    SeqDelta seq = 0;
    uint32_t timestamp = 0;  ///< modulo 2^32, to be added

    friend bool operator==(const Offset&, const Offset&) = default;
    friend Offset operator+(const Offset& a, const Offset& b) {
        return {static_cast<SeqDelta>(static_cast<uint32_t>(a.seq) + static_cast<uint32_t>(b.seq)),
                a.timestamp + b.timestamp};
    }
};

/// A survivor's base as it is handed to a new secondary.
struct Base {
    Offset offset;
    /// Of the VM's own SYN, in its own numbers, where that was seen: sent again it begins no connection.
    std::optional<Seq> isn = {};

    friend bool operator==(const Base&, const Base&) = default;
};

/// A flow's delta as it is made known to whoever rewrites for the secondary.
struct Announcement {
    Offset delta;
    Seq origin;  ///< first byte of the primary's stream: what a client acknowledges that answers
    bool again =
        false;  ///< for the same SYN as the one before (SYN cookies): the client may answer either

    friend bool operator==(const Announcement&, const Announcement&) = default;
};

/// A handshake that was under way when its VM went on alone: it is not known by which numbers the
/// client knows the VM. The client's first ack tells, to whoever stands beside this VM or its copy.
struct Handshake {
    struct Stamps {
        uint32_t first;
        uint32_t latest;

        friend bool operator==(const Stamps&, const Stamps&) = default;
    };

    Seq isn;                 ///< the VM's own, and below
    Seq next;                ///< behind all that the VM has sent
    std::optional<Seq> ack;  ///< what the VM has acknowledged, if anything: the client's own number
    std::optional<Stamps> stamps;  ///< TSvals of the VM's SYNs
    bool is_active = false;        ///< the VM has sent a SYN of its own
    bool is_ambiguous = false;     ///< with data: an ack may or may not cover them

    friend bool operator==(const Handshake&, const Handshake&) = default;
};

struct FlowOffsets {
    std::optional<Offset> base;
    std::optional<Offset> delta;

    /// Known total between this VM's native space and the client's; a missing base is no base.
    std::optional<Offset> total(bool is_secondary) const {
        const Offset from_base = base.value_or(Offset{});
        if (!is_secondary) return from_base;
        if (!delta) return std::nullopt;
        return from_base + *delta;
    }
    /// The secondary has become a copy of the primary.
    void fence() { delta = Offset{}; }
    /// The secondary goes on alone: its native space is what `base` must now describe.
    void failover() {
        base = base.value_or(Offset{}) + delta.value_or(Offset{});
        delta = Offset{};
    }
};

/// Client frame -> VM: the client acknowledges and echoes numbers of its own view.
inline SegmentShift shift_of_input(const Offset& vm_above_client) {
    return {.seq = 0, .ack = vm_above_client.seq, .tsval = 0, .tsecr = vm_above_client.timestamp};
}

/// VM frame -> client.
inline SegmentShift shift_of_output(const Offset& vm_above_client) {
    return {.seq = negated(vm_above_client.seq),
            .ack = 0,
            .tsval = 0u - vm_above_client.timestamp,
            .tsecr = 0};
}

}  // namespace colo
