// SPDX-License-Identifier: GPL-2.0-or-later
// The options with which a QEMU fits a `colo-proxy primary` or `colo-proxy secondary`.
#pragma once

#include <string>
#include <vector>

#include "cli/pair_arguments.h"

namespace colo {

struct QemuArgs {
    struct Disk {
        std::string file;
        std::string format = "qcow2";
    };

    bool help = false;
    PairArguments pair;
    std::vector<std::string> macs;  ///< of the NICs, in their order; none: their devices are left out
    std::vector<Disk> disks;
    std::string nbd_host;  ///< where the secondary's QEMU serves its disks to the primary's
    std::string nbd_port;
};

/// `argv[0]`: "qemu-args", `argv[1]`: the role; then what that subcommand takes, and our own. Throws
/// std::invalid_argument that names the option.
QemuArgs parse_qemu_args(int argc, char** argv);

/// A line each, quoted for the shell, continued but for the last one; then, as comments, what else is
/// to be done for the disks.
std::string to_text(const QemuArgs& args);

}  // namespace colo
