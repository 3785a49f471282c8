// SPDX-License-Identifier: GPL-2.0-or-later
// query-colo-proxy's answer as OpenMetrics text. Members that are not known here by name come out
// as gauges, so that none is missing.
#pragma once

#include <string>

#include "monitor/json.h"

namespace colo {

constexpr const char* kOpenMetricsType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Ends with "# EOF". Null, and lists, have no metric.
std::string open_metrics(const Json& status);

}  // namespace colo
