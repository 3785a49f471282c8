// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's option syntax, "TYPE,id=x,flag,path=a,,b": a doubled comma is one of the value's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace colo {

struct Option {
    std::string key;
    std::string value;
};

/// "a,b=c,,d" -> "a", "b=c,d"
std::vector<std::string> split_at_commas(std::string_view text);

/// "key=value", or a flag: "server" is server=on, "nowait" is wait=off. Throws
/// std::invalid_argument when the key is empty.
Option parse_option(const std::string& part);

/// `implied_key` is that of a first part without '='. Throws std::invalid_argument when a key is
/// empty.
std::vector<Option> parse_options(std::string_view text, std::string_view implied_key);

}  // namespace colo
