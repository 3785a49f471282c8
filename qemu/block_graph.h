// SPDX-License-Identifier: GPL-2.0-or-later
// Which of a VM's disks would be lost or go out of step in a failover, of what QEMU says of its
// block layer.
#pragma once

#include <string>
#include <vector>

#include "monitor/json.h"

namespace colo {

/// What a guest's device may write to while no replication driver is at it or below it. Answers of
/// query-block, query-named-block-nodes and x-debug-query-block-graph; without the last one only
/// the topmost node is looked at.
std::vector<std::string> unreplicated_disks(const Json& devices, const Json& nodes,
                                            const Json& graph);

}  // namespace colo
