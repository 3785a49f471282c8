// SPDX-License-Identifier: GPL-2.0-or-later
// A connection to a unix socket that somebody listens on, or soon will.
#pragma once

#include <string>

#include "io/file_descriptor.h"

namespace colo::bench {

/// Throws std::system_error when nobody listens within some seconds.
FileDescriptor connect_to(const std::string& path);

}  // namespace colo::bench
