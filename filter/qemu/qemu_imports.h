// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the program that has loaded us exports what we need.
#pragma once

#include <string>
#include <vector>

namespace colo {

/// Names of what is not there, in the order of the alphabet.
std::vector<std::string> missing_imports();

/// For those who have to do something about it; empty: nothing is missing.
std::string describe_missing(const std::vector<std::string>& names);

}  // namespace colo
