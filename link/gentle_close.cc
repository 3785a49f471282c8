// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/gentle_close.h"

#include <glib-unix.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace colo {

namespace {

constexpr gint64 kMostMicroseconds = 2'000'000;

constexpr Time kFarewell = milliseconds(300);

thread_local size_t under_way = 0;

struct Closing {
    explicit Closing(FileDescriptor socket) : fd(std::move(socket)) { ++under_way; }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;
    ~Closing() { --under_way; }

    FileDescriptor fd;
    gint64 deadline = g_get_monotonic_time() + kMostMicroseconds;
};

gboolean read_away(gint fd, GIOCondition, gpointer data) {
    if (g_get_monotonic_time() >= static_cast<Closing*>(data)->deadline) return G_SOURCE_REMOVE;
    std::array<char, 65536> bytes;
    const ssize_t size = recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    const bool goes_on = size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
    return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

}  // namespace

/// One source for the socket and its deadline: of two, of which the first to go ends the other, GLib 2.74
/// leaks the other when the context goes before them.
void close_gently(GMainContext* context, FileDescriptor fd) {
    if (!fd || shutdown(fd.get(), SHUT_WR) != 0) return;
    auto* closing = new Closing(std::move(fd));
    GSource* watch = g_unix_fd_source_new(closing->fd.get(), G_IO_IN);
    g_source_set_ready_time(watch, closing->deadline);
    g_source_set_callback(watch, G_SOURCE_FUNC(read_away), closing,
                          [](gpointer data) { delete static_cast<Closing*>(data); });
    g_source_attach(watch, context);
    g_source_unref(watch);
}

void part_gently(EventLoop& loop) {
    const Time end = loop.now() + kFarewell;
    Timer wake(loop, [] {});
    wake.set(end);
    do {
        loop.iterate(true);
    } while (under_way > 0 && loop.now() < end);
}

}  // namespace colo
