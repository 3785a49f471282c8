// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/flow_json.h"

#include <algorithm>

#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr size_t kMostHexBytes = 16;

/// From the first difference on, as far as the excerpt goes.
std::string hex_from(const std::vector<uint8_t>& excerpt, size_t begin) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    const size_t end = std::min(excerpt.size(), begin + kMostHexBytes);
    for (size_t i = begin; i < end; ++i) {
        text += kDigits[excerpt[i] >> 4];
        text += kDigits[excerpt[i] & 15];
    }
    return text;
}

}  // namespace

Json flow_json(const FlowKey& key) {
    Json flow{{"proto", protocol_name(key)}, {"guest", guest_name(key)}, {"peer", peer_name(key)}};
    if (key.vlan_outer != kNoVlan) flow["vlan"] = key.vlan_outer;
    if (key.vlan_inner != kNoVlan) flow["inner-vlan"] = key.vlan_inner;
    return flow;
}

std::string flow_name(const FlowKey& key) {
    std::string name = protocol_name(key) + " " + guest_name(key) + " - " + peer_name(key);
    if (key.vlan_outer != kNoVlan) name.append(" vlan ").append(std::to_string(key.vlan_outer));
    if (key.vlan_inner != kNoVlan) name.append(".").append(std::to_string(key.vlan_inner));
    return name;
}

std::string describe_request(const CheckpointRequest& request) {
    std::string text = to_string(request.reason);
    if (request.flow) text.append(" in ").append(flow_name(*request.flow));
    if (request.offset) text.append(" at byte ").append(std::to_string(*request.offset));
    return text;
}

Json checkpoint_json(const CheckpointRequest& request, uint32_t epoch, Time duration) {
    Json event{{"epoch", epoch}, {"reason", to_string(request.reason)}};
    if (request.flow) event["flow"] = flow_json(*request.flow);
    if (request.offset) event["offset"] = *request.offset;
    event["duration-us"] = duration / microseconds(1);
    return event;
}

Json divergence_json(const CheckpointRequest& request) {
    const Evidence& evidence = *request.evidence;
    const uint64_t offset = request.offset.value_or(evidence.begin);
    const size_t skip = offset > evidence.begin ? static_cast<size_t>(offset - evidence.begin) : 0;
    return Json{{"flow", flow_json(*request.flow)},
                {"offset", offset},
                {"what", evidence.what},
                {"primary", hex_from(evidence.primary, skip)},
                {"secondary", hex_from(evidence.secondary, skip)}};
}

}  // namespace colo
