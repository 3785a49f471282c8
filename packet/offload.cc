// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/offload.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "packet/checksum.h"
#include "packet/header_fields.h"

namespace colo {

namespace {

constexpr uint32_t kIpv4Length = 2;
constexpr uint32_t kIpv4Id = 4;
constexpr uint32_t kIpv4Fragment = 6;
constexpr uint32_t kIpv4Checksum = 10;
constexpr uint16_t kIpv4MoreFragments = 0x2000;

constexpr uint32_t kIpv6Length = 4;
constexpr uint32_t kIpv6NextHeader = 6;

constexpr uint32_t kTcpSeq = 4;
constexpr uint32_t kTcpFlags = 13;
constexpr uint32_t kUdpLength = 4;

/// A part of the bytes that a packet is cut at.
struct Part {
    uint32_t offset;
    uint32_t size;
    uint32_t index;
    bool is_last;

    bool is_first() const { return index == 0; }
};

/// At least one part, also of nothing.
template <typename Use>
void for_each_part(uint32_t total, uint32_t size, Use use) {
    uint32_t offset = 0;
    uint32_t index = 0;
    for (; total - offset > size; offset += size, ++index) use(Part{offset, size, index, false});
    use(Part{offset, total - offset, index, true});
}

/// Completes a checksum whose field holds the sum of what is not in `covered`. The result 0 is
/// written as its equal, 0xffff: in UDP 0 means "none".
void complete_checksum(MutableBytes covered, uint32_t field) {
    const uint16_t checksum = internet_checksum(covered);
    store_be16(&covered[field], checksum == 0 ? uint16_t{0xffff} : checksum);
}

/// The IP header's length fields and checksum, as the frame is long now.
void mend_ip_header(MutableBytes frame, const PacketView& view) {
    uint8_t* header = &frame[view.l3_offset];
    const auto size = static_cast<uint32_t>(frame.size()) - view.l3_offset;
    if (view.family == Family::kIpv6) {
        store_be16(header + kIpv6Length, static_cast<uint16_t>(size - kIpv6Header));
        return;
    }
    store_be16(header + kIpv4Length, static_cast<uint16_t>(size));
    store_be16(header + kIpv4Checksum, 0);
    const Bytes whole{header, (header[0] & 15u) * 4};
    store_be16(header + kIpv4Checksum, internet_checksum(whole));
}

void count_up_ipv4_id(MutableBytes frame, const PacketView& view, uint32_t index) {
    if (view.family != Family::kIpv4) return;
    store_be16(&frame[view.l3_offset + kIpv4Id], static_cast<uint16_t>(view.fragment_id + index));
}

/// FIN and PSH are about the last byte; CWR is said once (RFC 3168 6.1.2).
uint8_t flags_of(const PacketView& view, const Part& part) {
    uint8_t flags = view.tcp_flags;
    if (!part.is_last) flags &= static_cast<uint8_t>(~(tcp_flag::kFin | tcp_flag::kPsh));
    if (!part.is_first()) flags &= static_cast<uint8_t>(~tcp_flag::kCwr);
    return flags;
}

void mend_tcp(MutableBytes segment, const PacketView& view, const Part& part) {
    store_be32(&segment[kTcpSeq], (view.seq + part.offset).raw());
    segment[kTcpFlags] = flags_of(view, part);
    store_be16(&segment[kTcpChecksum],
               pseudo_header_sum(view, static_cast<uint32_t>(segment.size())));
    complete_checksum(segment, kTcpChecksum);
}

/// UDP over IPv4 may do without a checksum.
bool has_no_checksum(const PacketView& view, const VnetHeader& header) {
    return view.family == Family::kIpv4 && !header.needs_checksum() &&
           load_be16(view.data + view.l4_offset + kUdpChecksum) == 0;
}

void mend_udp(MutableBytes datagram, const PacketView& view, const VnetHeader& header) {
    const auto size = static_cast<uint16_t>(datagram.size());
    store_be16(&datagram[kUdpLength], size);
    if (has_no_checksum(view, header)) return;
    store_be16(&datagram[kUdpChecksum], pseudo_header_sum(view, size));
    complete_checksum(datagram, kUdpChecksum);
}

/// Where an IPv6 packet is divided by a fragment header, and the byte that will name it.
struct FragmentPlace {
    uint32_t at;
    uint32_t named_at;
};

/// Behind the headers that routers on the way look at: all up to a routing header, else hop-by-hop
/// options (RFC 8200 4.5). parse() has walked the chain up to l4_offset.
FragmentPlace fragment_place(const PacketView& view) {
    uint32_t named_at = view.l3_offset + kIpv6NextHeader;
    uint32_t at = view.l3_offset + kIpv6Header;
    FragmentPlace place{at, named_at};
    while (at < view.l4_offset) {
        const uint8_t type = view.data[named_at];
        if (type != ip_extension::kHopByHop && type != ip_extension::kRouting && type != ip_extension::kDestinationOptions) break;
        named_at = at;
        at += (view.data[at + 1] + 1u) * 8;
        if (type != ip_extension::kDestinationOptions) place = {at, named_at};
    }
    return place;
}

bool can_be_cut(const PacketView& view, uint32_t size) {
    const uint8_t whole = tcp_flag::kSyn | tcp_flag::kRst | tcp_flag::kUrg;
    return !view.is_tcp() || view.payload_size <= size || !view.has(whole);
}

/// What a frame could blow up into, and what a cut would falsify.
VnetProblem check_bounds(const VnetHeader& header, const PacketView& view) {
    if (header.gso_size < Offload::kMinGsoSize) return VnetProblem::kGsoSizeSmall;
    if (view.payload_offset > Offload::kMaxGsoHeaders) return VnetProblem::kHeadersLong;
    if (!can_be_cut(view, header.gso_size)) return VnetProblem::kTcpFlags;
    return VnetProblem::kNone;
}

}  // namespace

VnetProblem Offload::refuse(VnetProblem problem) {
    ++counters_.refused[static_cast<size_t>(problem)];
    return problem;
}

VnetProblem Offload::expand(Frame& frame, std::vector<Frame>& out) {
    if (frame.front().empty()) {
        pass(frame, out);
        return VnetProblem::kNone;
    }
    const auto header = parse_vnet_header(frame.front());
    if (!header) return refuse(VnetProblem::kFrontSize);
    if (!header->needs_checksum() && !header->is_gso()) {
        pass(frame, out);
        return VnetProblem::kNone;
    }
    if (frame.size() > kMaxFrameBytes) return refuse(VnetProblem::kFrameTooLong);
    const PacketView view = parse(frame.bytes(), frame.wire_size());
    VnetProblem problem = check(*header, view);
    if (problem == VnetProblem::kNone && header->is_gso()) problem = check_bounds(*header, view);
    if (problem != VnetProblem::kNone) return refuse(problem);
    if (header->is_gso()) {
        cut(frame, *header, view, out);
    } else {
        ++counters_.completed;
        out.push_back(completed(frame, *header, view));
    }
    return VnetProblem::kNone;
}

void Offload::pass(Frame& frame, std::vector<Frame>& out) {
    ++counters_.passed;
    frame.drop_front();
    out.push_back(std::move(frame));
}

/// The frame without a header and with its checksum complete, if it was not.
Frame Offload::completed(Frame& frame, const VnetHeader& header, const PacketView& view) {
    const uint32_t end = packet_end(view);
    const bool copy = header.needs_checksum() && frame.is_shared();
    Frame whole = copy ? pool_.copy(frame.bytes()) : std::move(frame);
    frame.reset();
    whole.drop_front();
    if (header.needs_checksum()) {
        const uint32_t start = header.checksum_start;
        complete_checksum(whole.mutable_bytes().subspan(start, end - start),
                          header.checksum_offset);
    }
    return whole;
}

void Offload::cut(Frame& frame, const VnetHeader& header, const PacketView& view,
                  std::vector<Frame>& out) {
    const size_t before = out.size();
    if (header.gso_type == GsoType::kUdpFragments) {
        cut_into_fragments(completed(frame, header, view), header.gso_size, out);
    } else {
        cut_payload(view, header, out);
        frame.reset();
    }
    ++counters_.cut;
    counters_.pieces += out.size() - before;
}

/// Each piece has all headers, and its part of the payload.
void Offload::cut_payload(const PacketView& view, const VnetHeader& header,
                          std::vector<Frame>& out) {
    const uint32_t headers = view.payload_offset;
    for_each_part(view.payload_size, header.gso_size, [&](const Part& part) {
        Frame piece = pool_.make(headers + part.size);
        const MutableBytes bytes = piece.mutable_bytes();
        std::memcpy(bytes.data(), view.data, headers);
        std::memcpy(bytes.data() + headers, view.data + headers + part.offset, part.size);
        count_up_ipv4_id(bytes, view, part.index);
        mend_ip_header(bytes, view);
        const MutableBytes transport = bytes.subspan(view.l4_offset);
        view.is_tcp() ? mend_tcp(transport, view, part) : mend_udp(transport, view, header);
        out.push_back(std::move(piece));
    });
}

/// IP fragments; a datagram that needs no cut goes as it is.
void Offload::cut_into_fragments(Frame whole, uint32_t gso_size, std::vector<Frame>& out) {
    const PacketView view = parse(whole.bytes(), whole.wire_size());
    const bool ipv6 = view.family == Family::kIpv6;
    const uint32_t begin = ipv6 ? fragment_place(view).at : view.l4_offset;
    if (packet_end(view) - begin <= gso_size) {
        out.push_back(std::move(whole));
        return;
    }
    const uint32_t size = gso_size / 8 * 8;
    ipv6 ? cut_ipv6(view, size, out) : cut_ipv4(view, size, out);
}

/// A guest that leaves the cutting to its card wants it: "don't fragment" goes.
void Offload::cut_ipv4(const PacketView& view, uint32_t size, std::vector<Frame>& out) {
    const uint32_t headers = view.l4_offset;
    for_each_part(view.l4_size, size, [&](const Part& part) {
        Frame piece = pool_.make(headers + part.size);
        const MutableBytes bytes = piece.mutable_bytes();
        std::memcpy(bytes.data(), view.data, headers);
        std::memcpy(bytes.data() + headers, view.data + headers + part.offset, part.size);
        const uint32_t more = part.is_last ? 0 : kIpv4MoreFragments;
        store_be16(&bytes[view.l3_offset + kIpv4Fragment],
                   static_cast<uint16_t>(part.offset / 8 | more));
        mend_ip_header(bytes, view);
        out.push_back(std::move(piece));
    });
}

void Offload::cut_ipv6(const PacketView& view, uint32_t size, std::vector<Frame>& out) {
    const FragmentPlace place = fragment_place(view);
    const uint32_t headers = place.at + kFragmentHeader;
    const uint8_t next = view.data[place.named_at];
    const auto id = static_cast<uint32_t>(hash_(key_of_output(view))) + fragmented_++;
    for_each_part(packet_end(view) - place.at, size, [&](const Part& part) {
        Frame piece = pool_.make(headers + part.size);
        const MutableBytes bytes = piece.mutable_bytes();
        std::memcpy(bytes.data(), view.data, place.at);
        std::memcpy(bytes.data() + headers, view.data + place.at + part.offset, part.size);
        bytes[place.named_at] = ip_protocol::kFragment;
        uint8_t* header = &bytes[place.at];
        store_be16(header, static_cast<uint16_t>(next << 8));
        store_be16(header + 2, static_cast<uint16_t>(part.offset | (part.is_last ? 0 : 1)));
        store_be32(header + 4, id);
        mend_ip_header(bytes, view);
        out.push_back(std::move(piece));
    });
}

}  // namespace colo
