// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/option_string.h"

#include <stdexcept>

namespace colo {

std::vector<std::string> split_at_commas(std::string_view text) {
    std::vector<std::string> parts(1);
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != ',') {
            parts.back() += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == ',') {
            parts.back() += text[i++];
        } else {
            parts.emplace_back();
        }
    }
    return parts;
}

Option parse_option(const std::string& part) {
    const size_t equals = part.find('=');
    Option option;
    if (equals != std::string::npos) {
        option = {part.substr(0, equals), part.substr(equals + 1)};
    } else if (part.starts_with("no")) {
        option = {part.substr(2), "off"};
    } else {
        option = {part, "on"};
    }
    if (option.key.empty()) throw std::invalid_argument("option without a name: '" + part + "'");
    return option;
}

std::vector<Option> parse_options(std::string_view text, std::string_view implied_key) {
    std::vector<Option> options;
    for (const std::string& part : split_at_commas(text)) {
        const bool implied = options.empty() && part.find('=') == std::string::npos;
        options.push_back(implied ? Option{std::string(implied_key), part} : parse_option(part));
    }
    return options;
}

}  // namespace colo
