// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/fragmented_datagram.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "packet/checksum.h"
#include "packet/header_fields.h"

namespace colo {

namespace {

/// Reserved and "don't fragment" bits of the IPv4 fragment field; the rest is more-fragments and
/// offset.
constexpr uint16_t kIpv4KeptFlags = 0xc000;

/// RFC 8200 4.5: all but the last fragment are multiples of 8 bytes; none is empty.
bool is_usable(const PacketView& view) {
    if (view.problem != Problem::kNone || view.payload_captured < view.payload_size) return false;
    if (view.payload_size == 0) return false;
    return !view.more_fragments || view.payload_size % 8 == 0;
}

void replace16(uint8_t* field, uint16_t value, ChecksumChange& change) {
    change.replace16(load_be16(field), value);
    store_be16(field, value);
}

}  // namespace

const char* to_string(DiscardReason reason) {
    switch (reason) {
        case DiscardReason::kNone:
            return "none";
        case DiscardReason::kOverlap:
            return "overlap";
        case DiscardReason::kTimeout:
            return "timeout";
        case DiscardReason::kTableFull:
            return "table-full";
        case DiscardReason::kTooMany:
            return "too-many";
        case DiscardReason::kBad:
            return "bad";
        case DiscardReason::kDrained:
            return "drained";
        case DiscardReason::kCount:
            break;
    }
    return "?";
}

DiscardReason FragmentedDatagram::add(Frame frame, const PacketView& view) {
    assert(view.is_fragment && frame.data() == view.data);
    memory_ += frame.memory();
    frames_.push_back(std::move(frame));  // the bytes stay where they are
    return place(view);
}

DiscardReason FragmentedDatagram::place(const PacketView& view) {
    if (!is_usable(view)) return DiscardReason::kBad;
    if (frames_.size() > kMaxFrames) return DiscardReason::kTooMany;
    const Piece piece{view.fragment_offset, view.fragment_offset + view.payload_size,
                      view.data + view.payload_offset, view.more_fragments};
    if (total_ && piece.end > *total_) return DiscardReason::kBad;
    if (!piece.more) {
        if (!pieces_.empty() && pieces_.back().end > piece.end) return DiscardReason::kBad;
        total_ = piece.end;
    }
    if (piece.begin == 0 && !first_) first_ = view;
    return insert(piece);
}

DiscardReason FragmentedDatagram::insert(const Piece& piece) {
    // The first piece that does not end before this one begins.
    const auto at = std::partition_point(pieces_.begin(), pieces_.end(), [&](const Piece& other) {
        return other.end <= piece.begin;
    });
    if (at == pieces_.end() || at->begin >= piece.end) {
        pieces_.insert(at, piece);
        received_ += piece.end - piece.begin;
        return DiscardReason::kNone;
    }
    const bool same = at->begin == piece.begin && at->end == piece.end && at->more == piece.more &&
                      std::memcmp(at->data, piece.data, piece.end - piece.begin) == 0;
    return same ? DiscardReason::kNone : DiscardReason::kOverlap;
}

Frame FragmentedDatagram::whole(FramePool& pool) const {
    const bool ipv6 = first_->family == Family::kIpv6;
    // IPv6's fragment header goes, with all before it staying; IPv4's header stays.
    const uint32_t header_end = ipv6 ? first_->fragment_header_at : first_->l4_offset;
    const uint32_t counted_from = first_->l3_offset + (ipv6 ? kIpv6Header : 0);
    if (header_end - counted_from + *total_ > kMaxIpBytes) return {};
    Frame frame = pool.make(header_end + *total_);
    const MutableBytes bytes = frame.mutable_bytes();
    std::memcpy(bytes.data(), first_->data, header_end);
    for (const Piece& piece : pieces_) {
        std::memcpy(&bytes[header_end + piece.begin], piece.data, piece.end - piece.begin);
    }
    const auto length = static_cast<uint16_t>(header_end - counted_from + *total_);
    ipv6 ? mend_ipv6(bytes, length) : mend_ipv4(bytes, length);
    return frame;
}

void FragmentedDatagram::mend_ipv4(MutableBytes frame, uint16_t total_length) const {
    uint8_t* header = &frame[first_->l3_offset];
    ChecksumChange change;
    replace16(header + 2, total_length, change);
    replace16(header + 6, load_be16(header + 6) & kIpv4KeptFlags, change);
    store_be16(header + 10, change.applied_to(load_be16(header + 10)));
}

void FragmentedDatagram::mend_ipv6(MutableBytes frame, uint16_t payload_length) const {
    store_be16(&frame[first_->l3_offset + 4], payload_length);
    frame[first_->fragment_next_header_at] = first_->protocol;
}

}  // namespace colo
