// SPDX-License-Identifier: GPL-2.0-or-later
// What a primary tells its secondary about a flow's number spaces, as bytes: the payload of the
// link's "offsets" packets (docs/link.md). Every message has exactly one encoding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "compare/offsets.h"
#include "packet/bytes.h"
#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

struct OffsetMessage {
    FlowKey flow;  ///< TCP over IPv4 or IPv6: nothing else has numbers
    /// For FlowMapper::learn(), set_base() and set_unsettled().
    std::variant<Announcement, Base, Handshake> told;

    friend bool operator==(const OffsetMessage&, const OffsetMessage&) = default;
};

inline constexpr size_t kMaxOffsetMessageBytes = 64;

class EncodedOffsetMessage {
  public:
    explicit EncodedOffsetMessage(const OffsetMessage& message);

    Bytes bytes() const { return {bytes_.data(), size_}; }

  private:
    std::array<uint8_t, kMaxOffsetMessageBytes> bytes_{};
    size_t size_;
};

class FlowMapper;

/// What a survivor tells a new secondary: visit(message) for each base and each unfinished handshake.
template <typename Mapper, typename Visit>
void tell_offsets(Mapper& mapper, Visit visit) {
    mapper.bases([&](const FlowKey& flow, const Base& base) { visit(OffsetMessage{flow, base}); });
    mapper.handshakes(
        [&](const FlowKey& flow, const Handshake& handshake) { visit(OffsetMessage{flow, handshake}); });
}

/// Beside the secondary. `is_current`: of its epoch; the delta of another means nothing.
void learn_offsets(FlowMapper& mapper, const OffsetMessage& message, bool is_current, Time now);

/// Nothing where the bytes are not what EncodedOffsetMessage makes.
std::optional<OffsetMessage> decode_offset_message(Bytes bytes);

}  // namespace colo
