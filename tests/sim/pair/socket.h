// SPDX-License-Identifier: GPL-2.0-or-later
// The model's end of a unix socket whose other end is a proxy's. Never waits: what the system does not
// take is kept.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/file_descriptor.h"
#include "io/listener.h"

namespace colo::sim::pair {

class Socket {
  public:
    Socket() = default;
    explicit Socket(FileDescriptor fd) : fd_(std::move(fd)) {}
    /// Not open if nobody listens there.
    static Socket to(const std::string& path);

    bool is_open() const { return static_cast<bool>(fd_); }
    /// Appends at most `most` bytes to `into`; false: there is nothing.
    bool read(std::string& into, size_t most = SIZE_MAX);
    /// `size` bytes are there to be read; with `size` 0: anything, the end included.
    bool has(size_t size) const;
    /// The other end has closed, and all is read.
    bool is_at_end() const { return is_at_end_; }
    void write(std::string_view bytes);
    /// What was kept; called now and then.
    void flush();
    bool has_unsent() const { return !unsent_.empty(); }
    void close() { *this = Socket(); }
    /// After what is kept, nothing follows.
    void finish();

  private:
    FileDescriptor fd_;
    std::string unsent_;
    bool is_at_end_ = false;
};

/// A path that proxies connect to.
class Door {
  public:
    explicit Door(const std::string& path);

    /// Not open if nobody has come.
    Socket accept();

  private:
    Listener listener_;
};

}  // namespace colo::sim::pair
