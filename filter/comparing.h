// SPDX-License-Identifier: GPL-2.0-or-later
// An object that compares, as the monitor's commands see it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "compare/comparator.h"

namespace colo {

struct ComparingStatus {
    const char* mode = "idle";  ///< "lockstep", "simple", "unprotected", "idle"
    const char* role = "none";
    std::string peer = "none";
    uint32_t epoch = 0;
    std::array<uint64_t, kReasons> checkpoints{};
};

class Comparing {
  public:
    /// One a NIC; none beside a secondary.
    virtual std::vector<Comparator*> comparators() = 0;
    virtual ComparingStatus status() const = 0;
    /// Throws std::runtime_error when nobody can make a checkpoint.
    virtual void need_checkpoints() const = 0;
    /// For the operator. Throws as need_checkpoints().
    virtual void ask_for_checkpoint(Reason reason) = 0;
    /// A comparator has been told something: requests and deadlines are looked at.
    virtual void touched() = 0;

  protected:
    ~Comparing() = default;
};

}  // namespace colo
