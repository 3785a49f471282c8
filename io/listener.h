// SPDX-License-Identifier: GPL-2.0-or-later
// A listening socket. A unix socket's file goes with it.
#pragma once

#include <sys/types.h>

#include <string>

#include "io/file_descriptor.h"
#include "io/listen_address.h"

namespace colo {

/// From where TCP clients may come.
enum class Reach { kAny, kLoopback };

class Listener {
  public:
    /// `address` is no stdio. The socket file of a process that is gone is replaced; one that
    /// somebody listens on, or a file that is no socket, is left alone. Throws std::runtime_error
    /// that names the address.
    explicit Listener(const ListenAddress& address, Reach reach = Reach::kAny);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    int fd() const { return fd_.get(); }
    /// "unix:PATH" or "tcp:HOST:PORT", with the port that was taken.
    const std::string& name() const { return name_; }

  private:
    void listen_on_path(const std::string& path);
    void listen_on_host(const ListenAddress& address, Reach reach);

    FileDescriptor fd_;
    std::string name_;
    std::string path_;
    dev_t device_ = 0;  ///< of our file, that we do not remove another's
    ino_t inode_ = 0;
};

}  // namespace colo
