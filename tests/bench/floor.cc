// SPDX-License-Identifier: GPL-2.0-or-later
// The floor of a comparator between sockets: reads both inputs, sends the primary's bytes on and throws
// the secondary's away, without a look at either.
//
//     floor PRIMARY SECONDARY OUT    (unix sockets, which it listens on, for one client each)
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

/// What a comparator would read at once.
constexpr size_t kReadSize = 256u << 10;

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

int listen_on(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1) != 0) {
        fail(path);
    }
    return fd;
}

void write_all(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t written = write(fd, bytes, size);
        if (written < 0) fail("write");
        bytes += written;
        size -= static_cast<size_t>(written);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "Usage: %s PRIMARY SECONDARY OUT\n", argv[0]);
        return 2;
    }
    const int listeners[] = {listen_on(argv[1]), listen_on(argv[2]), listen_on(argv[3])};
    const int out = accept(listeners[2], nullptr, nullptr);
    pollfd inputs[] = {{accept(listeners[0], nullptr, nullptr), POLLIN, 0},
                       {accept(listeners[1], nullptr, nullptr), POLLIN, 0}};
    std::vector<char> buffer(kReadSize);
    while (poll(inputs, 2, -1) >= 0) {
        for (const pollfd& input : inputs) {
            if (input.revents == 0) continue;
            const ssize_t size = read(input.fd, buffer.data(), buffer.size());
            if (size <= 0) return 0;
            if (&input == inputs) write_all(out, buffer.data(), static_cast<size_t>(size));
        }
    }
    fail("poll");
}
