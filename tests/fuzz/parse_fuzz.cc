// SPDX-License-Identifier: GPL-2.0-or-later
// One frame through everything that looks into frames. Input: 2 bytes by which the wire's frame was
// longer, then the frame.
#include <algorithm>
#include <vector>

#include "compare/rules.h"
#include "fuzz_input.h"
#include "packet/address.h"
#include "packet/checksum.h"
#include "packet/flow_key.h"
#include "packet/icmp_error.h"
#include "packet/neighbour_message.h"
#include "packet/rewrite.h"
#include "packet/tcp_options.h"
#include "packet/view.h"

namespace colo::fuzz {
namespace {

/// Every offset that others rely on lies inside the captured bytes.
void check_bounds(const PacketView& view) {
    FUZZ_CHECK(view.payload_offset <= view.captured);
    FUZZ_CHECK(view.payload_captured <= view.captured - view.payload_offset);
    FUZZ_CHECK(view.payload_captured <= view.payload_size);
    FUZZ_CHECK(view.level < Level::kIp || view.l4_offset <= view.captured);
    FUZZ_CHECK(view.level < Level::kEthernet || view.captured >= 14);
    if (view.level >= Level::kIp) {
        const uint8_t* end = view.destination_address() + view.address_size();
        FUZZ_CHECK(end <= view.data + view.captured);
    }
    if (view.is_tcp()) FUZZ_CHECK(view.l4_offset + view.tcp_header_size <= view.captured);
    FUZZ_CHECK(!view.is_fragment || view.level == Level::kIp);
}

void check_keys(const PacketView& view) {
    static const FlowHash hash(1, 2);
    const FlowKey key = key_of_output(view);
    FUZZ_CHECK(!protocol_name(key).empty() && !guest_name(key).empty() && !peer_name(key).empty());
    FUZZ_CHECK(key.reversed().reversed() == key);
    if (key.has_ports()) FUZZ_CHECK(key_of_input(view) == key.reversed());
    const FlowKey copy = key;
    FUZZ_CHECK(hash(copy) == hash(key));
    default_pass(view);
    std::string error;
    for (const char* text : {"52:54:00:12:34:56", "10.0.0.1", "2001:db8::1"}) {
        GuestAddress::from_text(text, error)->is_from(view);
    }
}

void check_tcp(const PacketView& view) {
    if (!view.is_tcp()) return;
    const TcpOptions options = parse_tcp_options(view);
    if (options.timestamps) FUZZ_CHECK(options.timestamps->at + 8 <= view.captured);
    if (options.sack) FUZZ_CHECK(options.sack->at + 8u * options.sack->count <= view.captured);
    to_string(syn_options(view));
}

/// There and back again: the same numbers, and a checksum that is as right or wrong as before.
void check_shift(std::vector<uint8_t> frame, uint32_t wire_size) {
    PacketView view = parse(frame, wire_size);
    if (!view.is_tcp()) return;
    const PacketView before = view;
    const TcpOptions options = parse_tcp_options(view);
    const bool right = transport_checksum_ok(view);
    shift_segment(frame, view, {12345, -54321, 77, 0x80000000}, ChecksumKind::kFull);
    FUZZ_CHECK(view.seq == before.seq.shifted(12345));
    FUZZ_CHECK(transport_checksum_ok(view) == right);
    shift_segment(frame, view, {-12345, 54321, 0u - 77, 0x80000000}, ChecksumKind::kFull);
    const PacketView after = parse(frame, wire_size);
    FUZZ_CHECK(after.seq == before.seq && after.ack == before.ack);
    if (!options.timestamps) return;
    // A zero in a SYN means "none" and stays: on the way there or the way back.
    const uint32_t echo = options.timestamps->echo;
    if (echo == 0 || echo == 0x80000000) return;
    FUZZ_CHECK(parse_tcp_options(after).timestamps == options.timestamps);
}

void check_quote(std::vector<uint8_t> frame, uint32_t wire_size) {
    const PacketView view = parse(frame, wire_size);
    auto error = parse_icmp_error(view);
    if (!error) return;
    check_bounds(error->quoted);
    quoted_flow(*error, QuotedSender::kGuest);
    quoted_flow(*error, QuotedSender::kPeer);
    error->mtu();
    const auto before = error->seq;
    const bool right = transport_checksum_ok(view);
    shift_quoted(frame, view, *error, {1000, 2000, 3, 4});
    FUZZ_CHECK(error->seq.has_value() == before.has_value());
    if (before && error->quoted.protocol == ip_protocol::kTcp) {
        FUZZ_CHECK(*error->seq == *before + 1000u);
    }
    FUZZ_CHECK(transport_checksum_ok(view) == right);
}

/// What is made of a neighbour's message is one itself, about the same address.
void check_neighbours(const PacketView& view) {
    constexpr MacAddress kMac{2, 0, 0, 0, 0, 1};
    FramePool pool;
    const auto told = [&](const Frame& frame) {
        const auto message = parse_neighbour_message(parse(frame.bytes(), frame.size()));
        FUZZ_CHECK(message && message->kind == NeighbourMessage::Kind::kAnswer);
        FUZZ_CHECK(message->mac == kMac);
        return message->target;
    };
    if (const auto message = parse_neighbour_message(view)) {
        FUZZ_CHECK(told(make_announcement(pool, message->target, kMac)) == message->target);
        const bool asks = message->kind == NeighbourMessage::Kind::kQuestion;
        if (asks && !message->is_probe()) {
            FUZZ_CHECK(told(make_answer(pool, *message, kMac)) == message->target);
        }
    }
    if (const auto source = source_of(view)) {
        FUZZ_CHECK(told(make_announcement(pool, *source, kMac)) == *source);
    }
    if (const auto station = station_of(view)) make_announcement(pool, *station, kMac);
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    const uint32_t cut = input.word();
    const Bytes bytes = input.rest();
    // A copy of its own size: a byte too far is the sanitizer's.
    const std::vector<uint8_t> frame(bytes.begin(), bytes.end());
    const auto wire_size = static_cast<uint32_t>(frame.size()) + cut;
    const PacketView view = parse(frame, wire_size);
    check_bounds(view);
    check_keys(view);
    check_tcp(view);
    transport_checksum_ok(view);
    ipv4_header_checksum_ok(view);
    check_neighbours(view);
    check_shift(frame, wire_size);
    check_quote(frame, wire_size);
    return 0;
}
