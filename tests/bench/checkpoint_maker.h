// SPDX-License-Identifier: GPL-2.0-or-later
// Whoever makes checkpoints, in Xen's words on notify_dev: counts what is asked for, and answers when told.
#pragma once

#include <string>
#include <string_view>

#include "io/file_descriptor.h"

namespace colo::bench {

class CheckpointMaker {
  public:
    /// Introduces itself at `path`; `vnet`: messages to it have the vnet header's length.
    CheckpointMaker(const std::string& path, bool vnet);

    /// How often a checkpoint has been asked for, once that is at least `least` or `patience_ms` have gone.
    uint64_t wait_for_requests(uint64_t least, int patience_ms);
    /// The checkpoint is made.
    void answer();

  private:
    void say(std::string_view message);
    bool read_more(int patience_ms);
    size_t count(std::string_view message) const;

    FileDescriptor fd_;
    bool vnet_;
    std::string heard_;
};

}  // namespace colo::bench
