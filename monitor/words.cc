// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/words.h"

#include <glib.h>

#include <algorithm>
#include <stdexcept>

#include "io/option_string.h"
#include "io/plain_value.h"
#include "monitor/command_registry.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

struct Word {
    std::string text;
    bool quoted = false;  ///< from its first character on: a value, whatever is in it
};

class LineReader {
  public:
    explicit LineReader(std::string_view line) : line_(line) {}

    std::vector<Word> words() {
        std::vector<Word> words;
        for (;;) {
            while (at_ < line_.size() && is_space(line_[at_])) ++at_;
            if (at_ == line_.size()) return words;
            words.push_back(word());
        }
    }

  private:
    static bool is_space(char c) { return c == ' ' || c == '\t'; }
    static bool is_quote(char c) { return c == '"' || c == '\''; }

    Word word() {
        Word word{{}, is_quote(line_[at_])};
        while (at_ < line_.size() && !is_space(line_[at_])) {
            if (is_quote(line_[at_])) {
                quoted(line_[at_++], word.text);
            } else {
                character(word.text);
            }
        }
        return word;
    }

    void quoted(char quote, std::string& text) {
        while (at_ < line_.size() && line_[at_] != quote) character(text);
        if (at_ == line_.size()) throw std::invalid_argument("a quote is not closed");
        ++at_;
    }

    void character(std::string& text) {
        if (line_[at_] == '\\' && at_ + 1 < line_.size()) ++at_;
        text += line_[at_++];
    }

    std::string_view line_;
    size_t at_ = 0;
};

Json parsed(const std::string& text) {
    std::string error;
    const auto value = parse_json(text, error);
    if (!value) throw std::invalid_argument("'" + clipped(text) + "': " + error);
    return *value;
}

Json boolean(const std::string& text) {
    if (const auto value = on_or_off(text)) return *value;
    throw std::invalid_argument("'" + clipped(text) + "' is neither on nor off");
}

Json integer(const std::string& text) {
    if (const auto value = decimal<int64_t>(text)) return *value;
    throw std::invalid_argument("'" + clipped(text) + "' is not an integer");
}

/// JSON when it is some, else a string.
Json anything(const std::string& text) {
    std::string error;
    const auto value = parse_json(text, error);
    return value ? *value : Json(text);
}

Json value_of(const Word& word, ArgumentType type) {
    switch (type) {
        case ArgumentType::kBoolean:
            return boolean(word.text);
        case ArgumentType::kInteger:
            return integer(word.text);
        case ArgumentType::kAny:
            return word.quoted ? Json(word.text) : anything(word.text);
        case ArgumentType::kNumber:
        case ArgumentType::kObject:
        case ArgumentType::kArray:
            return parsed(word.text);
        case ArgumentType::kString:
            break;
    }
    return word.text;
}

/// The length of "key" in "key=value"; 0: it is none.
size_t key_length(const Word& word) {
    if (word.quoted) return 0;
    const auto is_key = [](char c) { return g_ascii_isalnum(c) || c == '-' || c == '_'; };
    const auto end = std::find_if_not(word.text.begin(), word.text.end(), is_key);
    if (end == word.text.end() || *end != '=') return 0;
    return static_cast<size_t>(end - word.text.begin());
}

class ArgumentFiller {
  public:
    explicit ArgumentFiller(const Command& command) : command_(command) {}

    void take(Word word) {
        if (const size_t length = key_length(word)) {
            const std::string key = word.text.substr(0, length);
            word.text.erase(0, length + 1);
            named(key, word);
        } else {
            next(word);
        }
    }
    Json arguments() { return std::move(arguments_); }

  private:
    void named(const std::string& key, const Word& word) {
        for (const Argument& argument : command_.arguments) {
            if (dashed(argument.name) == dashed(key)) return set(argument, word);
        }
        if (!command_.takes_more) {
            throw std::invalid_argument("Parameter '" + key + "' is unexpected");
        }
        arguments_[key] = word.text;
    }

    void next(const Word& word) {
        for (const Argument& argument : command_.arguments) {
            if (!arguments_.contains(argument.name)) return set(argument, word);
        }
        throw std::invalid_argument("'" + clipped(word.text) + "' is one word too many");
    }

    void set(const Argument& argument, const Word& word) {
        if (arguments_.contains(argument.name)) {
            throw std::invalid_argument("Parameter '" + argument.name + "' is given twice");
        }
        arguments_[argument.name] = value_of(word, argument.type);
    }

    const Command& command_;
    Json arguments_ = Json::object();
};

}  // namespace

std::string_view trimmed(std::string_view text) {
    constexpr const char* kSpace = " \t\r\n";
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Result arguments_from_text(const Command& command, std::string_view rest) {
    try {
        if (rest.starts_with('{')) {
            const Json object = parsed(std::string(rest));
            if (object.is_object()) return object;
        }
        if (command.from_text) return command.from_text(rest);
        ArgumentFiller filler(command);
        for (Word& word : LineReader(rest).words()) filler.take(std::move(word));
        return filler.arguments();
    } catch (const std::exception& error) {
        return CommandError{error.what()};
    }
}

FromText from_options(std::string implied_key) {
    return [implied_key = std::move(implied_key)](std::string_view rest) -> Result {
        Json arguments = Json::object();
        for (const Option& option : parse_options(rest, implied_key)) {
            arguments[option.key] = option.value;
        }
        return arguments;
    };
}

}  // namespace colo
