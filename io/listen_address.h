// SPDX-License-Identifier: GPL-2.0-or-later
// Where a monitor listens, as its option says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace colo {

struct ListenAddress {
    enum class Kind { kUnix, kTcp, kStdio };

    Kind kind = Kind::kStdio;
    std::string path;  ///< kUnix
    std::string host;  ///< kTcp
    std::string port;  ///< kTcp; "0": any that is free
};

inline ListenAddress unix_at(std::string path) { return {ListenAddress::Kind::kUnix, std::move(path), {}, {}}; }

enum class Stdio { kPossible, kImpossible };

/// "unix:PATH", "tcp:HOST:PORT" (or "tcp:[V6]:PORT"; no host means 127.0.0.1), "stdio" where it is possible;
/// the sockets with ",server=on,wait=off" or without. Throws std::invalid_argument that quotes `text`.
ListenAddress parse_listen_address(std::string_view text, Stdio stdio = Stdio::kPossible);

}  // namespace colo
