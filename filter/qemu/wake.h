// SPDX-License-Identifier: GPL-2.0-or-later
// Wakes another thread: a descriptor that is readable from raise() to lower().
#pragma once

#include "io/file_descriptor.h"

namespace colo {

class Wake {
  public:
    /// Throws std::runtime_error.
    Wake();

    void raise();
    void lower();
    int fd() const { return fd_.get(); }

  private:
    FileDescriptor fd_;
};

}  // namespace colo
