// SPDX-License-Identifier: GPL-2.0-or-later
// What the mapper counts, made like compare/counters.h: no counter can be missing from a report.
#pragma once

#include <cstdint>

namespace colo {

// clang-format off
#define COLO_MAPPER_COUNTERS(X)                                                                      \
    X(input_frames, "input-frames")                                                                  \
    X(output_frames, "output-frames")                                                                \
    X(input_mapped, "input-mapped")               /* changed; ICMP errors included */                \
    X(output_mapped, "output-mapped")                                                                \
    X(copied, "copied")                           /* of these, because others hold the buffer too */ \
    X(learnt, "learnt")                           /* offsets, from an ack */                         \
    X(corrected, "corrected")                     /* by a second ack, before the VM went along */    \
    X(announced, "announced")                                                                        \
    X(ambiguous, "ambiguous")                     /* acks that tell no offset: data in the SYN */    \
    X(clamped, "clamped")                         /* echoes the VM had not sent (yet) */             \
    X(no_room, "no-room")                         /* connections that stay unmapped */               \
    X(untracked, "untracked")                     /* frames of offset 0 without a place */           \
    X(fragments, "fragments")                     /* of TCP and ICMP, passed as they are */          \
    X(malformed, "malformed")                     /* passed as they are */                           \
    X(expired, "expired")                         /* closing, and silent for 120 s */                \
    X(evicted_closing, "evicted-closing")                                                            \
    X(evicted_half_open, "evicted-half-open")                                                        \
    X(evicted_settled, "evicted-settled")         /* live, with offset 0 */
// clang-format on

struct MapperCounters {
#define COLO_FIELD(field, name) uint64_t field = 0;
    COLO_MAPPER_COUNTERS(COLO_FIELD)
#undef COLO_FIELD

    template <typename Visit>
    void for_each(Visit visit) const {
#define COLO_VISIT(field, name) visit(name, field);
        COLO_MAPPER_COUNTERS(COLO_VISIT)
#undef COLO_VISIT
    }
};

}  // namespace colo
