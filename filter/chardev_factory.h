// SPDX-License-Identifier: GPL-2.0-or-later
// A chardev as -chardev or chardev-add describes it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "filter/chardev.h"
#include "filter/event_loop.h"
#include "monitor/option_string.h"

namespace colo {

/// For parse_options(): "socket,id=..." begins with it.
inline constexpr std::string_view kChardevImpliedKey = "backend";

/// Throws std::invalid_argument or std::runtime_error that names the chardev and, where there is one, the
/// key.
std::unique_ptr<Chardev> make_chardev(EventLoop& loop, FramePool& pool,
                                      std::vector<Option> options);

}  // namespace colo
