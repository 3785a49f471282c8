// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/object.h"

#include <charconv>
#include <optional>
#include <stdexcept>

namespace colo {

namespace {

std::optional<uint64_t> parse_uint(const std::string& text) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || at != end) return std::nullopt;
    return number;
}

}  // namespace

bool bool_of(const Value& value) {
    if (const bool* flag = std::get_if<bool>(&value)) return *flag;
    if (const auto* text = std::get_if<std::string>(&value)) {
        if (*text == "on" || *text == "yes" || *text == "true") return true;
        if (*text == "off" || *text == "no" || *text == "false") return false;
    }
    throw std::invalid_argument("on or off expected");
}

uint64_t uint_of(const Value& value, uint64_t min, uint64_t max) {
    std::optional<uint64_t> number;
    if (const auto* integer = std::get_if<uint64_t>(&value)) number = *integer;
    if (const auto* text = std::get_if<std::string>(&value)) number = parse_uint(*text);
    if (!number || *number < min || *number > max) {
        throw std::invalid_argument("a number from " + std::to_string(min) + " to " +
                                    std::to_string(max) + " expected");
    }
    return *number;
}

const std::string& string_of(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    throw std::invalid_argument("a string expected");
}

}  // namespace colo
