// SPDX-License-Identifier: GPL-2.0-or-later
// A frame that waits, with what its headers said, so that it need not be parsed again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compare/byte_chunk.h"
#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/seq.h"
#include "packet/tcp_options.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

enum class ParkedKind : uint8_t {
    kSegment,    ///< TCP, well formed
    kDatagram,   ///< anything compared whole
    kIcmpError,  ///< compared by what it reports
};

/// What of an ICMP error is compared; the addresses and ports are its flow's key.
struct IcmpErrorFacts {
    uint16_t type_code = 0;
    uint32_t word = 0;  ///< MTU, pointer or unused
    uint32_t seq = 0;   ///< of the quoted TCP segment; else 0

    friend bool operator==(const IcmpErrorFacts&, const IcmpErrorFacts&) = default;
};

struct Parked {
    Parked() = default;
    Parked(Frame&& held, Time now) : frame(std::move(held)), since(now) {}

    Frame frame;
    /// The fragments it came in, which are what goes out; `frame` is then the whole, for comparing.
    std::unique_ptr<std::vector<Frame>> originals;
    Time since{0};
    uint32_t flow = 0;  ///< table index, kNoFlow when untracked
    ParkedKind kind = ParkedKind::kDatagram;
    uint8_t tcp_flags = 0;
    bool matched = false;      ///< datagrams and errors: the twin has been seen
    bool check_bytes = false;  ///< compare with what libslirp delivered before it goes
    bool never = false;        ///< only a fence may release it
    bool keep_alive = false;
    bool over_cap = false;     ///< secondary's SYN, kept although its queue was full
    bool unprotected = false;  ///< carries options that no failover could continue
    Seq begin;                 ///< TCP: of the first payload byte
    Seq ack;
    uint32_t size = 0;         ///< payload, as on the wire
    uint32_t payload_offset = 0;
    uint32_t captured = 0;     ///< payload bytes that are here
    SynOptions syn;
    uint32_t digest = 0;       ///< datagrams: of the payload, to find twins quickly
    IcmpErrorFacts error;
    ByteChunk chunk;               ///< the segment's payload while it waits in its stream

    Parked* next = nullptr;           ///< in its flow's queue
    Parked* older = nullptr;          ///< of all that wait alike, in order of arrival
    Parked* newer = nullptr;

    bool has(uint8_t flag) const { return (tcp_flags & flag) != 0; }
    Seq end() const { return begin + size; }
    Bytes payload() const { return {frame.data() + payload_offset, captured}; }
    uint32_t frame_bytes() const { return frame.size(); }
};

}  // namespace colo
