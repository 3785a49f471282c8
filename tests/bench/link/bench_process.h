// SPDX-License-Identifier: GPL-2.0-or-later
// Work done in a process of its own, for its own CPU time and a core of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <vector>

#include "io/file_descriptor.h"

namespace colo::bench {

struct Outcome {
    std::vector<double> figures;  ///< what the work returned
    double cpu_seconds = 0;       ///< user and system, from fork to exit
};

class BenchProcess {
  public:
    using Work = std::function<std::vector<double>()>;

    /// Forks. The child has `keeps` of the open descriptors (and the standard ones) and no other.
    BenchProcess(std::initializer_list<int> keeps, const Work& work);
    BenchProcess(BenchProcess&&) = default;
    BenchProcess(const BenchProcess&) = delete;
    BenchProcess& operator=(const BenchProcess&) = delete;

    /// Throws std::runtime_error when the work has not come to its end.
    Outcome wait();

  private:
    pid_t process_;
    FileDescriptor figures_;
};

/// Two sockets that are connected with each other.
struct SocketPair {
    FileDescriptor a;
    FileDescriptor b;
};
SocketPair unix_pair();
/// Over loopback. `receive_buffer`: of b, what it takes in before it is read; 0: the system's choice.
SocketPair tcp_pair(int receive_buffer = 0);

}  // namespace colo::bench
