// SPDX-License-Identifier: GPL-2.0-or-later
// How far a pair's start is: a bar on a terminal, elsewhere a message a second.
#pragma once

#include <string>

#include "cli/status_line.h"
#include "io/event_loop.h"
#include "qemu/migration_progress.h"

namespace colo {

class StartProgress {
  public:
    explicit StartProgress(EventLoop& loop) : loop_(loop) {}

    void show(const MigrationProgress& progress);
    /// The start is over, well or not.
    void end();

    static constexpr Time kInterval = seconds(1);  ///< of messages

  private:
    EventLoop& loop_;
    StatusLine line_;
    Time next_message_{0};
};

/// "[##########----------]  52%, 70,256,320 bytes, 64,012,288 remaining, 115.3 MB/s"
std::string start_progress_text(const MigrationProgress& progress);

}  // namespace colo
