// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"

template class nlohmann::basic_json<nlohmann::ordered_map>;
