// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of `colo-proxy certs`.
#pragma once

#include <string>
#include <vector>

namespace colo {

struct CertsArguments {
    bool help = false;
    std::string directory;
    std::vector<std::string> primary;    ///< names and addresses of its host
    std::vector<std::string> secondary;
    std::vector<std::string> added;  ///< a further host's, instead of the two
    unsigned days = 3650;
};

/// Throws std::invalid_argument that names the option.
CertsArguments parse_certs_arguments(int argc, char** argv);

}  // namespace colo
