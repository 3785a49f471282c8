// SPDX-License-Identifier: GPL-2.0-or-later
// Values for people.
#pragma once

#include <string>

#include "monitor/json.h"

namespace colo {

/// Lines, each with its newline: members as "name: value", lists of objects as tables. An empty
/// object, which says only that all is well, is no line.
std::string readable(const Json& value);

/// One line without its newline: "name=value name=value".
std::string readable_inline(const Json& value);

}  // namespace colo
