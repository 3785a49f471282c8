// SPDX-License-Identifier: GPL-2.0-or-later
// Finds offsets in a first pass over two recordings, for flows whose handshake is not in both: from the
// acks of the first client segment that both recordings have, else from the lowest sequence number
// within the first 64 KiB of each side. Only the first incarnation of a 4-tuple can begin in its middle.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "compare/offset_source.h"
#include "packet/flow_key.h"
#include "packet/view.h"

namespace colo {

enum class Side : uint8_t { kPrimary, kSecondary };

class OffsetFinder final : public OffsetSource {
  public:
    /// At most `max_flows` are looked at; those that come later are counted and get no offset.
    OffsetFinder(uint32_t max_flows, const FlowHash& hash);

    /// A frame the guest sent, as recorded on `side`.
    void output(Side side, const PacketView& view);
    /// A frame towards the guest.
    void input(Side side, const PacketView& view);

    std::optional<InitialOffset> initial_offset(const FlowKey& flow) const override;
    uint64_t flows_left_out() const { return left_out_; }

  private:
    /// A client segment: the same one carries the same numbers but for the ack.
    struct ClientSegment {
        Seq seq;
        uint32_t length;
        uint8_t flags;
        Seq ack;
    };
    struct Half {
        bool seen = false;       ///< output seen
        bool begins_with_syn = false;
        bool has_payload = false;
        bool closed = false;     ///< a later incarnation has begun, or enough was seen
        Seq low;                 ///< lowest position of a payload byte, else of any segment
        uint32_t payload = 0;    ///< bytes seen
        std::vector<ClientSegment> client;
    };
    struct Flow {
        Half halves[2];
    };
    static constexpr uint32_t kLookAtBytes = 64u << 10;
    static constexpr size_t kClientSegments = 16;

    Half* half_of(const FlowKey& key, Side side);
    static std::optional<SeqDelta> delta_from_acks(const Flow& flow);

    uint32_t max_flows_;
    boost::unordered_flat_map<FlowKey, Flow, FlowHash> flows_;
    uint64_t left_out_ = 0;
};

}  // namespace colo
