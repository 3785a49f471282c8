// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy qemu-args`.
#include <cstdio>

#include "cli/commands.h"
#include "cli/qemu_args.h"
#include "cli/subcommand.h"

namespace colo {

namespace {

constexpr const char* kQemuArgsHelp =
    "Usage: colo-proxy qemu-args primary|secondary OPTION...\n"
    "Prints what QEMU needs to be protected by `colo-proxy primary|secondary OPTION...`, for the shell:\n"
    "    eval \"qemu-system-x86_64 ... $(colo-proxy qemu-args primary ...)\"\n\n"
    "  OPTION...             those of `colo-proxy primary` and `colo-proxy secondary`. The netdevs of NICs with\n"
    "                        guest-out= are yours: their ids are colo-net0, colo-net1, ..., in the order of the NICs;\n"
    "                        a tap needs vnet_hdr=off\n"
    "  --mac MAC             of a NIC, the same on both hosts; may be repeated. Without it, add a -device for\n"
    "                        each of netdev=colo-net0, colo-net1, ... yourself\n"
    "  --disk FILE[,format=FORMAT]  a disk that the VM writes to, under QEMU's replication; may be repeated.\n"
    "                        Not with --disk-external. What else there is to do is printed as comments\n"
    "  --nbd HOST:PORT       of the secondary's host, where its QEMU serves its disks\n";

}  // namespace

int qemu_args_command(int argc, char** argv) {
    return run_subcommand(
        argv[0], kQemuArgsHelp, [&] { return parse_qemu_args(argc, argv); },
        [](const QemuArgs& args) { std::fputs(to_text(args).c_str(), stdout); });
}

}  // namespace colo
