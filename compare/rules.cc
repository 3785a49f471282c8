// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/rules.h"

#include <algorithm>

#include "compare/flow.h"

namespace colo {

namespace {

constexpr uint8_t kRouterSolicitation = 133;
constexpr uint8_t kRedirect = 137;
constexpr uint8_t kMldQuery = 130;
constexpr uint8_t kMldDone = 132;
constexpr uint8_t kMldv2Report = 143;

std::optional<DefaultPass> icmpv6_pass(uint8_t type) {
    if (type >= kRouterSolicitation && type <= kRedirect) return DefaultPass::kNeighbourDiscovery;
    if ((type >= kMldQuery && type <= kMldDone) || type == kMldv2Report) return DefaultPass::kMld;
    return std::nullopt;
}

template <typename Value>
bool allows(const std::optional<Value>& wanted, const Value& value) {
    return !wanted || *wanted == value;
}

}  // namespace

const char* to_string(DefaultPass pass) {
    static constexpr const char* kNames[] = {"arp", "lldp", "nd", "mld", "igmp"};
    static_assert(std::size(kNames) == kDefaultPasses);
    return kNames[static_cast<size_t>(pass)];
}

std::optional<DefaultPass> default_pass(const PacketView& view) {
    if (view.family == Family::kNone) {
        if (view.ether_type == ether_type::kArp) return DefaultPass::kArp;
        if (view.ether_type == ether_type::kLldp) return DefaultPass::kLldp;
        return std::nullopt;
    }
    if (view.protocol == ip_protocol::kIgmp && view.family == Family::kIpv4) {
        return DefaultPass::kIgmp;
    }
    if (view.protocol == ip_protocol::kIcmpv6 && view.level == Level::kTransport &&
        view.family == Family::kIpv6) {
        return icmpv6_pass(view.icmp_type());
    }
    return std::nullopt;
}

bool PassRule::matches(const FlowKey& key) const {
    if (key.kind == KeyKind::kEthernet) return false;
    if (!allows(protocol, key.protocol) || !allows(kind, key.kind)) return false;
    if (!allows(guest, key.guest) || !allows(peer, key.peer)) return false;
    if ((guest_port || peer_port) && !key.has_ports()) return false;
    return allows(guest_port, key.guest_port) && allows(peer_port, key.peer_port);
}

bool PassRules::has(const std::string& id) const {
    return std::ranges::any_of(rules_, [&](const auto& rule) { return rule && rule->id == id; });
}

bool PassRules::add(PassRule rule) {
    if (has(rule.id)) return false;
    const auto free_place = std::ranges::find_if(rules_, [](const auto& rule) { return !rule; });
    if (free_place != rules_.end()) {
        *free_place = std::move(rule);
        return true;
    }
    if (rules_.size() >= kMaxRules) return false;
    rules_.emplace_back(std::move(rule));
    return true;
}

bool PassRules::remove(const std::string& id) {
    for (auto& place : rules_) {
        if (!place || place->id != id) continue;
        place.reset();
        return true;
    }
    return false;
}

uint8_t PassRules::covering(const FlowKey& key) const {
    const auto covers = [&](const auto& place) { return place && place->matches(key); };
    const auto found = std::find_if(rules_.begin(), rules_.end(), covers);
    return found == rules_.end() ? kNoRule : static_cast<uint8_t>(found - rules_.begin());
}

}  // namespace colo
