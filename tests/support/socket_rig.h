// SPDX-License-Identifier: GPL-2.0-or-later
// Real sockets on a context of their own, iterated until something is so: nothing waits for a time.
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "io/file_descriptor.h"

namespace colo {

/// A folder that goes with its contents.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = std::filesystem::temp_directory_path() / "monitor-XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

class Loop {
  public:
    ~Loop() { g_main_context_unref(context_); }
    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    GMainContext* context() { return context_; }
    /// Runs until `condition` holds. What never holds is the test's time limit's.
    void until(const std::function<bool()>& condition) {
        while (!condition()) g_main_context_iteration(context_, true);
    }
    /// Runs until nothing is ready.
    void settle() {
        while (g_main_context_iteration(context_, false)) {
        }
    }

  private:
    GMainContext* context_ = g_main_context_new();
};

/// A client that does nothing unless told.
class Client {
  public:
    static Client at_path(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        return Client(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    }
    static Client at_port(int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(port));
        return Client(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    }

    /// One end of a pair.
    explicit Client(FileDescriptor socket) : socket_(std::move(socket)), connected_(true) {}

    bool connected() const { return connected_; }
    /// How much of it found room.
    size_t send(const std::string& text) {
        const ssize_t size =
            ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return size < 0 ? 0 : static_cast<size_t>(size);
    }
    void shut_down() { shutdown(socket_.get(), SHUT_WR); }
    void leave() { socket_ = {}; }

    /// Reads what there is.
    const std::string& received() {
        std::array<char, 65536> buffer;
        for (;;) {
            const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size == 0) at_end_ = true;
            if (size < 0 && errno != EAGAIN) at_end_ = true;
            if (size <= 0) return received_;
            received_.append(buffer.data(), static_cast<size_t>(size));
        }
    }
    bool has(const std::string& text) { return received().find(text) != std::string::npos; }
    bool at_end() {
        received();
        return at_end_;
    }

  private:
    Client(int family, sockaddr* address, socklen_t size)
        : socket_(socket(family, SOCK_STREAM, 0)),
          connected_(connect(socket_.get(), address, size) == 0) {}

    FileDescriptor socket_;
    bool connected_;
    std::string received_;
    bool at_end_ = false;
};

}  // namespace colo
