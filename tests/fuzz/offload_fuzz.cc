// SPDX-License-Identifier: GPL-2.0-or-later
// A guest's vnet header and frame through the software card. Input: which header size, the header's
// first 10 bytes, then the frame.
#include <algorithm>
#include <vector>

#include "fuzz_input.h"
#include "packet/checksum.h"
#include "packet/frame.h"
#include "packet/offload.h"
#include "packet/view.h"

namespace colo::fuzz {
namespace {

constexpr size_t kFrontSizes[] = {10, 12, 20, 11};

using ByteVector = std::vector<uint8_t>;

void check_refused(const Frame& frame, const ByteVector& front, const ByteVector& bytes,
                   const std::vector<Frame>& out) {
    FUZZ_CHECK(out.empty() && frame);
    FUZZ_CHECK(std::ranges::equal(frame.front(), front));
    FUZZ_CHECK(std::ranges::equal(frame.bytes(), bytes));
}

/// Pieces of a TCP segment or of a datagram, whose payload they hold in order.
void check_segments(const PacketView& whole, const VnetHeader& header,
                    const std::vector<Frame>& out) {
    uint32_t offset = 0;
    for (const Frame& piece : out) {
        const PacketView view = parse(piece.bytes(), 0);
        FUZZ_CHECK(view.level == Level::kTransport && view.protocol == whole.protocol);
        FUZZ_CHECK(view.padding == 0 && view.payload_offset == whole.payload_offset);
        FUZZ_CHECK(view.payload_size <= header.gso_size);
        FUZZ_CHECK(&piece == &out.back() || view.payload_size == header.gso_size);
        FUZZ_CHECK(
            std::ranges::equal(view.payload(), whole.payload().subspan(offset, view.payload_size)));
        FUZZ_CHECK(ipv4_header_checksum_ok(view) && transport_checksum_ok(view));
        if (whole.is_tcp()) FUZZ_CHECK(view.seq == whole.seq + offset);
        offset += view.payload_size;
    }
    FUZZ_CHECK(offset == whole.payload_size);
}

void check_fragments(const std::vector<Frame>& out) {
    uint32_t offset = 0;
    for (const Frame& piece : out) {
        const PacketView view = parse(piece.bytes(), 0);
        FUZZ_CHECK(view.is_fragment && view.problem == Problem::kNone);
        FUZZ_CHECK(view.fragment_offset == offset);
        FUZZ_CHECK(view.more_fragments == (&piece != &out.back()));
        FUZZ_CHECK(ipv4_header_checksum_ok(view));
        offset += view.l4_size;
    }
}

void check_accepted(const VnetHeader& header, const ByteVector& bytes,
                    const std::vector<Frame>& out) {
    const bool is_ufo = header.gso_type == GsoType::kUdpFragments;
    FUZZ_CHECK(!out.empty());
    for (const Frame& piece : out) FUZZ_CHECK(piece.front().empty());
    if (!header.is_gso() || (is_ufo && out.size() == 1)) {
        FUZZ_CHECK(out.size() == 1 && out[0].size() == bytes.size());
    } else if (is_ufo) {
        check_fragments(out);
    } else {
        check_segments(parse(bytes, 0), header, out);
    }
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    const uint8_t how = input.byte();
    const Bytes fields = input.bytes(10);
    ByteVector front(fields.begin(), fields.end());
    front.resize(kFrontSizes[how & 3]);
    const Bytes rest = input.rest();
    const ByteVector bytes(rest.begin(), rest.end());
    FramePool pool;
    Offload offload(pool, FlowHash(1, 2));
    Frame frame = pool.copy_with_front(front, bytes);
    const Frame held = how & 4 ? frame.share() : Frame();
    std::vector<Frame> out;
    if (offload.expand(frame, out) != VnetProblem::kNone) {
        check_refused(frame, front, bytes, out);
    } else {
        check_accepted(*parse_vnet_header(front), bytes, out);
    }
    if (held) FUZZ_CHECK(std::ranges::equal(held.bytes(), bytes));
    checksum_kind(front, parse(bytes, 0));
    return 0;
}
