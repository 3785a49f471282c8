// SPDX-License-Identifier: GPL-2.0-or-later
// What passes uncompared: the default rules (visible, counted) and the operator's passthrough rules.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "packet/flow_key.h"
#include "packet/view.h"

namespace colo {

/// Housekeeping of the link that differs between VMs by nature (random timers) and carries no state a
/// client could miss after a failover.
enum class DefaultPass : uint8_t {
    kArp,
    kLldp,
    kNeighbourDiscovery,  ///< ICMPv6 133 to 137 (RFC 4861)
    kMld,                 ///< ICMPv6 130 to 132, 143 (RFC 2710, RFC 3810)
    kIgmp,
    kCount
};

inline constexpr size_t kDefaultPasses = static_cast<size_t>(DefaultPass::kCount);

/// "arp", "lldp", "nd", "mld", "igmp".
const char* to_string(DefaultPass pass);

/// The default rule that covers a frame of the guest, if any.
std::optional<DefaultPass> default_pass(const PacketView& view);

/// Fields that are not set match anything. Guest and peer give the direction.
struct PassRule {
    std::string id;
    std::optional<uint8_t> protocol = {};
    std::optional<KeyKind> kind = {};  ///< set when an address is
    std::optional<std::array<uint8_t, 16>> guest = {};
    std::optional<std::array<uint8_t, 16>> peer = {};
    std::optional<uint16_t> guest_port = {};
    std::optional<uint16_t> peer_port = {};
    uint64_t frames = 0;          ///< released by it

    bool matches(const FlowKey& key) const;
};

/// At most kMaxRules, so that a flow can name its rule in a byte.
class PassRules {
  public:
    static constexpr size_t kMaxRules = 255;

    /// False when the id is taken or there are kMaxRules.
    bool add(PassRule rule);
    bool remove(const std::string& id);
    bool has(const std::string& id) const;
    /// Index of the first rule that covers the flow; kNoRule (flow.h) when none does.
    uint8_t covering(const FlowKey& key) const;
    PassRule& at(uint8_t index) { return *rules_[index]; }
    /// Places in use and free ones (null).
    const std::vector<std::optional<PassRule>>& all() const { return rules_; }

  private:
    std::vector<std::optional<PassRule>> rules_;
};

}  // namespace colo
