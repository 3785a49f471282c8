// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/rewrite.h"

#include <algorithm>
#include <cassert>

#include "packet/checksum.h"
#include "packet/tcp_options.h"

namespace colo {

namespace {

// Offsets in the TCP header (RFC 9293 3.1).
constexpr size_t kSeq = 4;
constexpr size_t kAck = 8;
constexpr size_t kDataOffset = 12;
constexpr size_t kFlags = 13;
constexpr size_t kChecksum = 16;
constexpr size_t kOptions = 20;

constexpr size_t kIcmpChecksum = 2;

/// A TCP header, or as much of it as there is, whose numbers are being moved.
class HeaderShift {
  public:
    HeaderShift(MutableBytes header, const SegmentShift& shift) : header_(header), shift_(shift) {}

    /// What this did to a checksum that covers the header.
    ChecksumChange run() {
        if (header_.size() >= kSeq + 4) add(kSeq, static_cast<uint32_t>(shift_.seq));
        // Without the flags nobody can say whether there is an ack.
        if (header_.size() > kFlags) {
            flags_ = header_[kFlags];
            if (flags_ & tcp_flag::kAck) add(kAck, static_cast<uint32_t>(shift_.ack));
        }
        if (header_.size() > kOptions) run_options();
        return change_;
    }

  private:
    void run_options() {
        const Bytes options = header_.subspan(kOptions);
        if (is_plain_timestamps(options)) return add_timestamps(kOptions + 4);
        walk_tcp_options(options, [this](uint8_t kind, Bytes body, size_t offset) {
            const size_t at = kOptions + offset;
            if (kind == tcp_option_kind::kTimestamps && body.size() == 8) add_timestamps(at);
            if (kind == tcp_option_kind::kSack && body.size() % 8 == 0) add_sack(at, body.size());
        });
    }

    void add_timestamps(size_t at) {
        add(at, shift_.tsval);
        const bool none = (flags_ & tcp_flag::kSyn) && load_be32(&header_[at + 4]) == 0;
        if ((flags_ & tcp_flag::kAck) && !none) add(at + 4, shift_.tsecr);
    }

    void add_sack(size_t at, size_t size) {
        for (size_t edge = 0; edge < size; edge += 4) {
            add(at + edge, static_cast<uint32_t>(shift_.ack));
        }
    }

    void add(size_t at, uint32_t amount) {
        if (amount == 0) return;
        uint8_t* field = &header_[at];
        const uint32_t before = load_be32(field);
        store_be32(field, before + amount);
        change_.replace32(before, before + amount, at % 2 != 0);
    }

    MutableBytes header_;
    const SegmentShift& shift_;
    uint8_t flags_ = 0;
    ChecksumChange change_;
};

/// Returns the field's new value.
uint16_t mend(uint8_t* field, const ChecksumChange& change) {
    const uint16_t mended = change.applied_to(load_be16(field));
    store_be16(field, mended);
    return mended;
}

/// The quoted TCP header without its payload, as far as it is there.
MutableBytes quoted_header(MutableBytes frame, const PacketView& quoted) {
    const uint32_t here = std::min(quoted.l4_size, quoted.captured - quoted.l4_offset);
    const MutableBytes segment = frame.subspan(quoted.l4_offset, here);
    if (here <= kDataOffset) return segment;
    const size_t header_size = (segment[kDataOffset] >> 4) * size_t{4};
    return segment.first(std::min(segment.size(), std::max(header_size, kOptions)));
}

}  // namespace

void shift_segment(MutableBytes frame, PacketView& view, const SegmentShift& shift,
                   ChecksumKind checksum) {
    assert(view.is_tcp() && frame.data() == view.data);
    const MutableBytes header = frame.subspan(view.l4_offset, view.tcp_header_size);
    const ChecksumChange change = HeaderShift(header, shift).run();
    if (checksum == ChecksumKind::kFull) mend(&header[kChecksum], change);
    view.seq = Seq(load_be32(&header[kSeq]));
    view.ack = Seq(load_be32(&header[kAck]));
}

void shift_quoted(MutableBytes frame, const PacketView& view, IcmpError& error,
                  const SegmentShift& shift) {
    assert(frame.data() == view.data);
    if (!error.seq) return;
    const MutableBytes header = quoted_header(frame, error.quoted);
    // The quoted header begins at an even offset of the ICMP message (IP headers are whole words),
    // so the same change counts for both checksums.
    ChecksumChange change = HeaderShift(header, shift).run();
    if (header.size() >= kChecksum + 2) {
        const uint16_t before = load_be16(&header[kChecksum]);
        change.replace16(before, mend(&header[kChecksum], change));
    }
    mend(&frame[view.l4_offset + kIcmpChecksum], change);
    if (const auto renewed = parse_icmp_error(view)) error = *renewed;
}

}  // namespace colo
