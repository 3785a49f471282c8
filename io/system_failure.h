// SPDX-License-Identifier: GPL-2.0-or-later
// What a system call that failed says of itself.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace colo {

/// Throws std::runtime_error: what was under way, and errno in words.
[[noreturn]] inline void throw_errno(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace colo
