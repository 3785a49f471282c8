// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>

#include "cli/commands.h"
#include "tcpstack/allocator.h"

namespace {

constexpr int kUsageError = 2;

struct Command {
    const char* name;
    int (*run)(int argc, char** argv);
    const char* purpose;
};

constexpr Command kCommands[] = {
    {"certs", colo::certs_command, "make the certificates of two hosts"},
    {"monitor", colo::monitor_command, "talk to a running colo-proxy"},
    {"primary", colo::pair_command, "protect a VM: the proxy beside the primary"},
    {"qemu-args", colo::qemu_args_command, "print the options with which QEMU fits primary and secondary"},
    {"replay", colo::replay_command, "compare two recordings, one of each VM"},
    {"run", colo::run_command, "host netdev filter objects, as QEMU's options describe them"},
    {"secondary", colo::pair_command, "protect a VM: the proxy beside the secondary"},
    {"tunnel", colo::tunnel_command, "carry connections to the other host, encrypted"},
};

void print_usage(std::FILE* out) {
    std::fprintf(out, "Usage: colo-proxy COMMAND [OPTION...]\n\nCommands:\n");
    for (const Command& command : kCommands) {
        std::fprintf(out, "  %-10s %s\n", command.name, command.purpose);
    }
    std::fprintf(out, "\ncolo-proxy COMMAND --help tells a command's options.\n");
}

}  // namespace

int main(int argc, char** argv) {
    colo::tune_allocator();
    if (argc < 2) {
        print_usage(stderr);
        return kUsageError;
    }
    const char* name = argv[1];
    if (std::strcmp(name, "--help") == 0 || std::strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (std::strcmp(name, "--version") == 0) {
        std::printf("colo-proxy %s\n", COLO_PROXY_VERSION);
        return 0;
    }
    for (const Command& command : kCommands) {
        if (std::strcmp(name, command.name) != 0) continue;
        try {
            return command.run(argc - 1, argv + 1);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "colo-proxy %s: %s\n", name, error.what());
            return kUsageError;
        }
    }
    std::fprintf(stderr, "colo-proxy: no command \"%s\"; see colo-proxy --help\n", name);
    return kUsageError;
}
