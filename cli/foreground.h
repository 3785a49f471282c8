// SPDX-License-Identifier: GPL-2.0-or-later
// The main loop of a subcommand that goes on until SIGINT, SIGTERM or the monitor's quit.
#pragma once

#include <glib.h>

#include "io/event_loop.h"

namespace colo {

/// One a process: it takes the signals, for good.
class Foreground {
  public:
    Foreground();
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;

    EventLoop& loop() { return loop_; }
    void stop() { is_stopped_ = true; }
    bool is_stopped() const { return is_stopped_; }
    /// Until it is stopped.
    void run() { loop_.run(is_stopped_); }

  private:
    static gboolean on_signal(gpointer self);

    bool is_stopped_ = false;
    EventLoop loop_;
};

}  // namespace colo
