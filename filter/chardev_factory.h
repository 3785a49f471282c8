// SPDX-License-Identifier: GPL-2.0-or-later
// A chardev as -chardev or chardev-add describes it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filter/chardev.h"
#include "filter/socket_options.h"
#include "io/event_loop.h"
#include "io/option_string.h"

namespace colo {

/// For parse_options(): "socket,id=..." begins with it.
inline constexpr std::string_view kChardevImpliedKey = "backend";

/// What the options of `socket` mean by tls-creds=. Throws std::invalid_argument or std::runtime_error that
/// names `who`.
using FindTls = std::function<std::shared_ptr<TlsCredentials>(const std::string& who, const SocketOptions& socket)>;

/// Whether they describe a server: of several chardevs those come first, as the others may connect to them. What is
/// wrong with the options make_chardev() says.
bool is_server(const std::vector<Option>& options);

/// Throws std::invalid_argument or std::runtime_error that names the chardev and, where there is one, the
/// key.
std::unique_ptr<Chardev> make_chardev(EventLoop& loop, FramePool& pool, std::vector<Option> options,
                                      const FindTls& find_tls);

}  // namespace colo
