// SPDX-License-Identifier: GPL-2.0-or-later
// Hands out the options of one object by key. What nobody asked for is an error that names it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/option_string.h"

namespace colo {

/// Every error is a std::invalid_argument that begins with what it is about and the key.
class OptionReader {
  public:
    /// `what`: of whom the errors speak, such as "chardev 'pri'".
    OptionReader(std::string what, std::vector<Option> options);
    /// One where all that is needed is there, named like its key: for looking at an object that is never
    /// completed.
    static OptionReader of_example(std::string what);

    const std::string& what() const { return what_; }

    bool has(std::string_view key) const;
    /// Takes `key` out. The last of equal keys counts.
    std::optional<std::string> take(std::string_view key);
    std::string take(std::string_view key, std::string_view otherwise);
    /// Must be there (else: `problem`), and not empty.
    std::string need(std::string_view key, std::string_view problem = "is missing");
    /// on/off, yes/no, true/false.
    bool take_bool(std::string_view key, bool otherwise);
    /// The index of the given one of `words`; without one 0.
    size_t take_choice(std::string_view key, std::span<const std::string_view> words);
    uint64_t take_uint(std::string_view key, uint64_t otherwise, uint64_t min, uint64_t max);

    /// Throws when anything is left, and names it.
    void finish() const;

    /// Throws: "what: key: problem".
    [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

  private:
    std::string what_;
    std::vector<Option> options_;
    bool invents_ = false;
};

}  // namespace colo
