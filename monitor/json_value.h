// SPDX-License-Identifier: GPL-2.0-or-later
// Json for those who look into values; monitor/json.h is enough to hand them on. What can be compiled
// once is (json.cc): with sanitizers that is a quarter of each file's time.
#pragma once

#include <nlohmann/json.hpp>

#include "monitor/json.h"

extern template class nlohmann::basic_json<nlohmann::ordered_map>;
