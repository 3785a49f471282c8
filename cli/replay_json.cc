// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_json.h"

#include <chrono>
#include <optional>

#include "filter/flow_json.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

/// Null for frames without an IP header, too: the object has a name for IP's protocols alone.
Json ip_flow_json(const std::optional<FlowKey>& key) {
    if (!key || key->kind == KeyKind::kEthernet) return nullptr;
    return flow_json(*key);
}

Json checkpoint_json(const ReplayCheckpoint& checkpoint) {
    const CheckpointRequest& request = checkpoint.request;
    Json json;
    json["reason"] = to_string(request.reason);
    json["time"] = std::chrono::duration<double>(checkpoint.at).count();
    json["flow"] = ip_flow_json(request.flow);
    json["offset"] = nullptr;
    if (request.offset) json["offset"] = *request.offset;
    return json;
}

/// The members in front of the checkpoints.
Json head_json(const ReplayResult& result) {
    Json json;
    json["verdict"] = result.identical() ? "identical" : "diverged";
    json["primary"] = {{"frames", result.primary.frames},
                       {"output", result.primary.output},
                       {"released", result.released}};
    json["secondary"] = {{"frames", result.secondary.frames},
                         {"output", result.secondary.output}};
    json["flows"] = result.flow_count;
    return json;
}

/// An object's members without its braces.
std::string members(const Json& json) {
    const std::string text = json.dump();
    return text.substr(1, text.size() - 2);
}

}  // namespace

void ReplayJson::checkpoint(const ReplayCheckpoint& checkpoint) {
    const std::string text = checkpoint_json(checkpoint).dump();
    checkpoints_.add(checkpoints_.empty() ? text : "," + text);
}

void ReplayJson::print(const ReplayOptions& /*options*/, const ReplayResult& result,
                       std::FILE* out) {
    Json counters = Json::object();
    for (const auto& [name, value] : result.counters) counters[name] = value;
    std::fprintf(out, "{%s,\"checkpoints\":[", members(head_json(result)).c_str());
    checkpoints_.copy_to(out);
    std::fprintf(out, "],\"counters\":%s}\n", counters.dump().c_str());
}

}  // namespace colo
