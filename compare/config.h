// SPDX-License-Identifier: GPL-2.0-or-later
// What can be set, with the defaults of the field (QEMU's where QEMU has the option). All of it may be
// changed while frames flow, max_connections by the comparator (set_max_connections).
#pragma once

#include <cstdint>

#include "packet/time.h"
#include "tcpstack/reassembler.h"

namespace colo {

enum class OnDivergence : uint8_t {
    kHold,     ///< wait for a checkpoint
    kRelease,  ///< nobody can make one: let the flow go on, counted
};

enum class IcmpErrorPolicy : uint8_t { kCompare, kPass };

/// Guests ask for addresses when a random timer says so: compared, each cache that expires may cost a
/// checkpoint.
enum class ArpPolicy : uint8_t { kPass, kCompare };

/// What happens to primary output above a cap.
enum class WhenFull : uint8_t {
    kKeep,  ///< held all the same: the caller stops reading that VM, or answers the request at once
    kDrop,  ///< the newest frame is dropped and counted: behind a chardev that must be drained
};

/// In which number space the secondary's frames arrive.
enum class SecondaryNumbers : uint8_t {
    kNative,  ///< the SVM's own: delta is learnt here, from the two SYNs or from an OffsetSource
    kMapped,  ///< a rewriter has mapped them already (but perhaps not the SYN-ACK, as QEMU's)
};

struct ComparatorConfig {
    Time compare_timeout = milliseconds(3000);
    Time datagram_patience = milliseconds(20);   ///< both sides unmatched that long: divergence
    Time icmp_error_patience = milliseconds(100);
    uint32_t max_connections = 1'000'000;
    uint32_t max_queue_frames = 1024;            ///< a flow and side (QEMU: max_queue_size)
    uint64_t max_queue_bytes = 64u << 20;        ///< frame bytes queued in all, both sides
    uint32_t max_fragment_bytes = 4u << 20;      ///< a side
    OnDivergence on_divergence = OnDivergence::kHold;
    IcmpErrorPolicy icmp_errors = IcmpErrorPolicy::kCompare;
    ArpPolicy arp = ArpPolicy::kPass;
    WhenFull when_full = WhenFull::kKeep;
    SecondaryNumbers secondary_numbers = SecondaryNumbers::kNative;
    /// Both directions of a connection are output (a capture of which nobody said who the guest is):
    /// acks then refer to the reverse flow's numbers.
    bool both_directions = false;
    /// Verify and count output checksums: a full pass over each frame, for replay.
    bool count_bad_checksums = false;
    ReassemblyLimits reassembly;
};

}  // namespace colo
