// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/option_reader.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "io/plain_value.h"

namespace colo {

OptionReader::OptionReader(std::string what, std::vector<Option> options)
    : what_(std::move(what)), options_(std::move(options)) {}

OptionReader OptionReader::of_example(std::string what) {
    OptionReader reader(std::move(what), {});
    reader.invents_ = true;
    return reader;
}

bool OptionReader::has(std::string_view key) const {
    return std::ranges::find(options_, key, &Option::key) != options_.end();
}

std::optional<std::string> OptionReader::take(std::string_view key) {
    std::optional<std::string> value;
    std::erase_if(options_, [&](const Option& option) {
        if (option.key != key) return false;
        value = option.value;
        return true;
    });
    return value;
}

std::string OptionReader::take(std::string_view key, std::string_view otherwise) {
    return take(key).value_or(std::string(otherwise));
}

std::string OptionReader::need(std::string_view key, std::string_view problem) {
    std::optional<std::string> value = take(key);
    if (!value && invents_) return std::string(key);
    if (!value) fail(key, problem);
    if (value->empty()) fail(key, "is empty");
    return *std::move(value);
}

bool OptionReader::take_bool(std::string_view key, bool otherwise) {
    const std::optional<std::string> value = take(key);
    if (!value) return otherwise;
    if (const auto flag = on_or_off(*value)) return *flag;
    fail(key, "'" + *value + "' is neither on nor off");
}

size_t OptionReader::take_choice(std::string_view key, std::span<const std::string_view> words) {
    const std::optional<std::string> given = take(key);
    if (!given) return 0;
    std::string choices;
    for (size_t i = 0; i < words.size(); ++i) {
        if (*given == words[i]) return i;
        choices += (i > 0 ? ", " : "") + std::string(words[i]);
    }
    fail(key, "'" + *given + "' is none of " + choices);
}

uint64_t OptionReader::take_uint(std::string_view key, uint64_t otherwise, uint64_t min,
                                 uint64_t max) {
    const std::optional<std::string> text = take(key);
    if (!text) return otherwise;
    if (const auto value = decimal(*text, min, max)) return *value;
    fail(key, "'" + *text + "' is not a number from " + std::to_string(min) + " to " +
                  std::to_string(max));
}

void OptionReader::finish() const {
    if (options_.empty()) return;
    std::string names;
    for (const Option& option : options_) {
        names += (names.empty() ? "'" : ", '") + option.key + "'";
    }
    throw std::invalid_argument(what_ + ": unknown option " + names);
}

void OptionReader::fail(std::string_view key, std::string_view problem) const {
    throw std::invalid_argument(what_ + ": " + std::string(key) + ": " + std::string(problem));
}

}  // namespace colo
