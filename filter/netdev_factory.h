// SPDX-License-Identifier: GPL-2.0-or-later
// A netdev as -netdev describes it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "filter/netdev.h"
#include "io/event_loop.h"
#include "io/option_string.h"

namespace colo {

/// For parse_options(): "stream,id=..." begins with it.
inline constexpr std::string_view kNetdevImpliedKey = "type";

/// Throws std::invalid_argument or std::runtime_error that names the netdev and, where there is one, the
/// key.
std::unique_ptr<Netdev> make_netdev(EventLoop& loop, FramePool& pool, std::vector<Option> options);

}  // namespace colo
