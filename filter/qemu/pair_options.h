// SPDX-License-Identifier: GPL-2.0-or-later
// What a filter with role=primary|secondary is told: the options of `colo-proxy primary` and `secondary`, without
// those that name where QEMU is.
#pragma once

#include "filter/option_reader.h"
#include "pair/protected_vm.h"

namespace colo {

/// Takes what it knows out of `options`; throws as OptionReader. `migrate_path` if none is given.
ProtectedVmOptions read_pair_options(Role role, OptionReader& options, const std::string& migrate_path);

}  // namespace colo
