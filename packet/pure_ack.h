// SPDX-License-Identifier: GPL-2.0-or-later
// A TCP segment that carries nothing but an acknowledgement, made from scratch.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/frame.h"
#include "packet/seq.h"
#include "packet/view.h"

namespace colo {

struct PureAck {
    struct Stamps {
        uint32_t value;
        uint32_t echo;
    };

    Seq seq;
    Seq ack;
    uint16_t window = 0;
    std::optional<Stamps> stamps;
};

/// Whose words it is to be, beside the segment it is made after.
enum class AckSender : uint8_t { kSame, kOther };

/// Between the stations, in the VLAN and with the addresses and ports of `segment` (view.is_tcp());
/// extension headers and IP options are left out. With all checksums.
Frame make_pure_ack(FramePool& pool, const PacketView& segment, AckSender sender, const PureAck& ack);

}  // namespace colo
