// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/status_line.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace colo {

StatusLine::StatusLine() : is_on_terminal_(isatty(STDERR_FILENO) == 1) {}

void StatusLine::show(const std::string& text) {
    if (!is_on_terminal_) return;
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    has_shown_ = true;
}

void StatusLine::end() {
    if (std::exchange(has_shown_, false)) std::fputc('\n', stderr);
}

}  // namespace colo
