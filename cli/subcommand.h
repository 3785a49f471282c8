// SPDX-License-Identifier: GPL-2.0-or-later
// A subcommand that goes on until it is told to stop: its errors and exit statuses.
#pragma once

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace colo {

inline constexpr int kSetupError = 1;
inline constexpr int kUsageError = 2;

/// parse() -> arguments with a member `help`, or std::invalid_argument: usage. act(arguments) returns at
/// an orderly end; what it throws is a set-up error.
template <typename Parse, typename Act>
int run_subcommand(const char* name, const char* help, Parse parse, Act act) {
    decltype(parse()) arguments;
    try {
        arguments = parse();
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "colo-proxy %s: %s\n", name, error.what());
        return kUsageError;
    }
    if (arguments.help) {
        std::fputs(help, stdout);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    try {
        act(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "colo-proxy %s: %s\n", name, error.what());
        return kSetupError;
    }
    return 0;
}

}  // namespace colo
