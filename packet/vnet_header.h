// SPDX-License-Identifier: GPL-2.0-or-later
// The header that a virtio network card puts before a frame (VIRTIO 1.2, 5.1.6: struct
// virtio_net_hdr): what the sender left for the next one to do. The guest wrote it: no field is
// believed before check() has held it against the frame.
//
// Fields are little-endian: VIRTIO 1's, and those of a legacy card in a little-endian guest.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/bytes.h"
#include "packet/rewrite.h"
#include "packet/view.h"

namespace colo {

namespace vnet_flag {
/// The checksum field holds the pseudo header's sum only.
inline constexpr uint8_t kNeedsChecksum = 0x01;
/// Somebody has checked the checksum; nothing is left to do.
inline constexpr uint8_t kDataValid = 0x02;
}  // namespace vnet_flag

/// What the frame is to be cut into. The byte is the guest's: other values occur.
enum class GsoType : uint8_t {
    kNone = 0,
    kTcpv4 = 1,
    kUdpFragments = 3,  ///< UFO: IP fragments of one datagram
    kTcpv6 = 4,
    kUdpDatagrams = 5,  ///< UDP_L4: datagrams of equal size
};

struct VnetHeader {
    uint8_t flags = 0;
    GsoType gso_type = GsoType::kNone;
    /// CWR belongs to the first segment (it is treated so without this bit, too).
    bool ecn = false;
    uint16_t header_length = 0;  ///< a hint, which nothing here uses
    uint16_t gso_size = 0;       ///< payload bytes a segment
    uint16_t checksum_start = 0;
    uint16_t checksum_offset = 0;  ///< of the field, from checksum_start

    bool needs_checksum() const { return (flags & vnet_flag::kNeedsChecksum) != 0; }
    /// ECN alone is no type: it is refused as one.
    bool is_gso() const { return gso_type != GsoType::kNone || ecn; }
    uint32_t checksum_at() const { return uint32_t{checksum_start} + checksum_offset; }
};

/// Why a header can't be followed.
enum class VnetProblem : uint8_t {
    kNone,
    kFrontSize,        ///< no known header has this size
    kFrameTooLong,     ///< beyond kMaxFrameBytes
    kChecksumOutside,  ///< the checksum's field or cover is not inside the packet
    kGsoType,          ///< unknown, or not the packet's (a tunnel's outside, a fragment)
    kPacketBad,        ///< the packet's own lengths lie, or it is cut
    kGsoSizeZero,
    kChecksumElsewhere,  ///< of a packet to be cut, another checksum than the transport's is
                         ///< partial
    kGsoSizeSmall,       ///< below Offload::kMinGsoSize
    kHeadersLong,        ///< above Offload::kMaxGsoHeaders
    kTcpFlags,           ///< SYN, RST or URG, which can't be cut
    kCount
};

const char* to_string(VnetProblem problem);

/// Empty when `front` (Frame::front()) has the size of none of the three headers.
std::optional<VnetHeader> parse_vnet_header(Bytes front);

/// Where the IP packet ends (any other frame: the frame), before Ethernet's padding: the end of
/// what a partial checksum covers.
uint32_t packet_end(const PacketView& view);

/// Holds a header against the frame it came with.
VnetProblem check(const VnetHeader& header, const PacketView& view);

/// What the transport checksum field of a TCP or UDP packet covers; `front` as above.
ChecksumKind checksum_kind(Bytes front, const PacketView& view);

}  // namespace colo
