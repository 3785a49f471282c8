// SPDX-License-Identifier: GPL-2.0-or-later
// What the comparator counts. One list makes the fields and their names, so that a counter cannot be
// missing from a report.
#pragma once

#include <cstdint>

namespace colo {

// clang-format off
#define COLO_COMPARATOR_COUNTERS(X)                                                                  \
    X(primary_frames, "primary-frames")                 /* handed in */                              \
    X(secondary_frames, "secondary-frames")                                                          \
    X(released, "released")                             /* includes passed */                        \
    X(passed, "passed")                                 /* by a rule, uncompared */                  \
    X(secondary_passed, "secondary-passed")             /* the SVM's twin of such, dropped */        \
    X(flows, "flows")                                   /* incarnations */                           \
    X(untracked, "untracked")                           /* primary frames the table had no place for */ \
    X(untracked_secondary, "untracked-secondary")       /* dropped */                                \
    X(divergences, "divergences")                                                                    \
    X(timeouts, "timeouts")                                                                          \
    X(released_uncompared, "released-uncompared")       /* on-divergence=release */                  \
    X(fences, "fences")                                                                              \
    X(released_by_fence, "released-by-fence")                                                        \
    X(stale_epoch, "stale-epoch")                       /* secondary frames of an older epoch */     \
    X(retransmissions_not_kept, "retransmissions-not-kept") /* released on the strength of `verified` */ \
    X(keep_alives, "keep-alives")                                                                    \
    X(conflicting_segments, "conflicting-segments")     /* other bytes for a position */             \
    X(unprotected_flows, "unprotected-flows")           /* TCP-MD5, TCP-AO, MPTCP */                 \
    X(secondary_stale, "secondary-stale")               /* of an earlier incarnation, dropped */     \
    X(secondary_over_cap, "secondary-over-cap")         /* dropped: the SVM will send it again */    \
    X(secondary_expired, "secondary-expired")           /* datagrams nobody matched in time */       \
    X(secondary_surplus, "secondary-surplus")           /* left over at a fence or a flow's end */   \
    X(secondary_absorbed, "secondary-absorbed")         /* late twins of what a fence released */    \
    X(icmp_errors_without_twin, "icmp-errors-without-twin")                                          \
    X(dropped_queue_full, "dropped-queue-full")                                                      \
    X(queue_full, "queue-full")                                                                      \
    X(bad_checksum, "bad-checksum")                                                                  \
    X(malformed, "malformed")                           /* compared as opaque bytes */               \
    X(cut, "cut")                                       /* by a snaplen */                           \
    X(fragments, "fragments")                                                                        \
    X(fragments_reassembled, "fragments-reassembled")   /* datagrams */                              \
    X(fragments_discarded, "fragments-discarded")       /* primary: held for a checkpoint */         \
    X(icmp_errors, "icmp-errors")
// clang-format on

struct ComparatorCounters {
#define COLO_FIELD(field, name) uint64_t field = 0;
    COLO_COMPARATOR_COUNTERS(COLO_FIELD)
#undef COLO_FIELD

    template <typename Visit>
    void for_each(Visit visit) const {
#define COLO_VISIT(field, name) visit(name, field);
        COLO_COMPARATOR_COUNTERS(COLO_VISIT)
#undef COLO_VISIT
    }
};

}  // namespace colo
