// SPDX-License-Identifier: GPL-2.0-or-later
// A QMP server's end, which says what it is told to say.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "io/file_descriptor.h"
#include "io/listener.h"

namespace colo {

/// Who has not accepted yet has said and heard nothing.
class FakeQemu {
  public:
    explicit FakeQemu(const std::string& path) : listener_(address(path)) {}

    bool accept() {
        client_ = FileDescriptor(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        return static_cast<bool>(client_);
    }
    void say(const std::string& text) {
        EXPECT_EQ(::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    bool has(const std::string& text) {
        hear();
        return heard_.find(text) != std::string::npos;
    }
    /// The next line, or nothing.
    std::string line() {
        hear();
        const size_t end = heard_.find('\n');
        if (end == std::string::npos) return "";
        const std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
    }
    void leave() { client_ = {}; }

  private:
    void hear() {
        char buffer[4096];
        const ssize_t size = recv(client_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size > 0) heard_.append(buffer, static_cast<size_t>(size));
    }
    static ListenAddress address(const std::string& path) {
        ListenAddress address;
        address.kind = ListenAddress::Kind::kUnix;
        address.path = path;
        return address;
    }

    Listener listener_;
    FileDescriptor client_;
    std::string heard_;
};

}  // namespace colo
