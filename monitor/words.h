// SPDX-License-Identifier: GPL-2.0-or-later
// A line of the text monitor -> a command's arguments.
#pragma once

#include <string>
#include <string_view>

#include "monitor/command.h"

namespace colo {

/// `rest` of the line behind the command: values in the order declared, key=value in any order,
/// words in single or double quotes with backslashes; or one JSON object. The types are those
/// declared: numbers, on/off, JSON for objects and arrays; kAny takes JSON where it is some, else
/// the word.
Result arguments_from_text(const Command& command, std::string_view rest);

/// For commands that take an option string in the text monitor, such as object_add: the options as
/// members, all of them strings. The last of equal keys counts.
FromText from_options(std::string implied_key);

/// `text` without white space around it.
std::string_view trimmed(std::string_view text);

}  // namespace colo
