// SPDX-License-Identifier: GPL-2.0-or-later
#include <nlohmann/json.hpp>

#include "cli/replay_output.h"

namespace colo {

namespace {

using Json = nlohmann::ordered_json;

Json flow_json(const std::optional<FlowKey>& key) {
    if (!key) return nullptr;
    Json flow;
    flow["proto"] = protocol_name(*key);
    flow["guest"] = guest_name(*key);
    flow["peer"] = peer_name(*key);
    if (key->vlan_outer != kNoVlan) flow["vlan"] = key->vlan_outer;
    if (key->vlan_inner != kNoVlan) flow["inner-vlan"] = key->vlan_inner;
    return flow;
}

Json checkpoint_json(const ReplayCheckpoint& checkpoint) {
    const CheckpointRequest& request = checkpoint.request;
    Json json;
    json["reason"] = to_string(request.reason);
    json["time"] = std::chrono::duration<double>(checkpoint.at).count();
    json["flow"] = flow_json(request.flow);
    json["offset"] = nullptr;
    if (request.offset) json["offset"] = *request.offset;
    return json;
}

}  // namespace

std::string replay_json(const ReplayResult& result) {
    Json json;
    json["verdict"] = result.identical() ? "identical" : "diverged";
    json["primary"] = {{"frames", result.primary.frames},
                       {"output", result.primary.output},
                       {"released", result.released}};
    json["secondary"] = {{"frames", result.secondary.frames},
                         {"output", result.secondary.output}};
    json["flows"] = result.flow_count;
    json["checkpoints"] = Json::array();
    for (const ReplayCheckpoint& checkpoint : result.checkpoints) {
        json["checkpoints"].push_back(checkpoint_json(checkpoint));
    }
    json["counters"] = Json::object();
    for (const auto& [name, value] : result.counters) json["counters"][name] = value;
    return json.dump();
}

}  // namespace colo
