// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/object.h"

#include <optional>
#include <stdexcept>

#include "io/plain_value.h"

namespace colo {

bool bool_of(const Value& value) {
    if (const bool* flag = std::get_if<bool>(&value)) return *flag;
    if (const auto* text = std::get_if<std::string>(&value)) {
        if (const auto flag = on_or_off(*text)) return *flag;
    }
    throw std::invalid_argument("on or off expected");
}

uint64_t uint_of(const Value& value, uint64_t min, uint64_t max) {
    std::optional<uint64_t> number;
    if (const auto* integer = std::get_if<uint64_t>(&value)) number = *integer;
    if (const auto* text = std::get_if<std::string>(&value)) number = decimal<uint64_t>(*text);
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
