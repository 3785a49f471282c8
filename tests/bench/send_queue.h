// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes on their way to a socket that need not take them all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace colo::bench {

class SendQueue {
  public:
    explicit SendQueue(int fd) : fd_(fd) {}

    int fd() const { return fd_; }
    /// What is appended here goes out behind what is there.
    std::vector<uint8_t>& bytes() { return bytes_; }
    bool empty() const { return bytes_.empty(); }
    /// As much as the socket takes; false: something is left. Throws std::system_error.
    bool flush();

  private:
    int fd_;
    std::vector<uint8_t> bytes_;
    size_t sent_ = 0;
};

}  // namespace colo::bench
