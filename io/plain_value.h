// SPDX-License-Identifier: GPL-2.0-or-later
// Single values as users write them. Nothing: it is no such value; what to say of that is the caller's.
#pragma once

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

namespace colo {

/// The whole of `text`, in decimal, from `least` to `most`; with a '-' where Number has one.
template <typename Number>
std::optional<Number> decimal(std::string_view text, Number least = std::numeric_limits<Number>::lowest(),
                              Number most = std::numeric_limits<Number>::max()) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || at != end || number < least || number > most) return std::nullopt;
    return number;
}

/// As QEMU's options and its monitor have them.
inline std::optional<bool> on_or_off(std::string_view text) {
    if (text == "on" || text == "yes" || text == "true") return true;
    if (text == "off" || text == "no" || text == "false") return false;
    return std::nullopt;
}

}  // namespace colo
