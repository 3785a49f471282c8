// SPDX-License-Identifier: GPL-2.0-or-later
// A program of the operator's, in a process group of its own, that all it has started can be killed with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "io/file_descriptor.h"
#include "io/glib_source.h"
#include "packet/time.h"

namespace colo {

class ChildProcess {
  public:
    /// Once, from the context; may destroy the process. `problem` is empty: it ended with status 0.
    using Ended = std::function<void(const std::string& problem)>;

    /// `words`: the program's path, and its arguments. It has no input, our output, signals as they are by
    /// default, and none of our descriptors but `inherited`, which is its kInherited. Throws
    /// std::runtime_error when it cannot be run.
    ChildProcess(GMainContext* context, const std::vector<std::string>& words, Ended ended, int inherited = -1);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    /// Kills what still runs.
    ~ChildProcess();

    /// With all it has started. Not after it has ended.
    void kill();

    static constexpr int kInherited = 3;

  private:
    void has_ended(int status);

    pid_t pid_ = 0;  ///< leads the group; 0: it has ended
    Ended ended_;
    SourcePtr watch_;
};

/// Waits for the program's end, for as long as `deadline`; nothing else is served meanwhile. Empty: status 0.
std::string run_to_end(const std::vector<std::string>& words, Time deadline, int inherited = -1);

}  // namespace colo
