// SPDX-License-Identifier: GPL-2.0-or-later
// JSON from strangers: bounded before it is parsed, and never an exception.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace colo {

/// Members keep their order, so that people read them as they were written.
using Json = nlohmann::ordered_json;

constexpr size_t kMaxMessageBytes = 1 << 20;
constexpr unsigned kMaxNesting = 64;
/// Members of a message in all: looking one up is linear.
constexpr size_t kMaxMembers = 1024;

/// The value of `text`; or nothing, and `error` says what and where. Refused besides bad syntax:
/// strings with NUL in them, and more than kMaxNesting levels or kMaxMembers members.
std::unique_ptr<Json> parse_json(std::string_view text, std::string& error);

/// One line in ASCII, without a newline. Bytes that are no UTF-8 become U+FFFD.
std::string to_line(const Json& value);

/// For messages: `text`, or its beginning and "..." when it is long.
std::string clipped(std::string_view text);

}  // namespace colo
