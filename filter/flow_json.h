// SPDX-License-Identifier: GPL-2.0-or-later
// Flows and checkpoint requests, as JSON and as a line for people.
#pragma once

#include <string>

#include "compare/request.h"
#include "monitor/json.h"
#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

/// {proto, guest, peer, vlan?, inner-vlan?}
Json flow_json(const FlowKey& key);
/// "tcp 10.0.0.2:80 - 10.0.0.1:40000"
std::string flow_name(const FlowKey& key);
/// "divergence in tcp 10.0.0.2:80 - 10.0.0.1:40000 at byte 17"
std::string describe_request(const CheckpointRequest& request);
/// COLO_PROXY_CHECKPOINT's data.
Json checkpoint_json(const CheckpointRequest& request, uint32_t epoch, Time duration);
/// COLO_PROXY_DIVERGENCE's data; the request must have a flow and evidence.
Json divergence_json(const CheckpointRequest& request);

}  // namespace colo
