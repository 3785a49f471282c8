// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_lines.h"

#include <cstdarg>
#include <cstdio>

namespace colo {

void ReplayLines::add(const char* format, ...) {
    std::va_list arguments;
    std::va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const auto size = static_cast<size_t>(std::vsnprintf(nullptr, 0, format, arguments));
    const size_t begin = text_.size();
    text_.resize(begin + size + 1);
    std::vsnprintf(text_.data() + begin, size + 1, format, again);
    text_.back() = '\n';  // in the place of the terminator
    va_end(again);
    va_end(arguments);
}

}  // namespace colo
