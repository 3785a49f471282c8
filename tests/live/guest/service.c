// SPDX-License-Identifier: GPL-2.0-or-later
// What a test's guest does for its clients: lines on TCP port 7000, IPv4 and IPv6, one state for all.
//
//   PING          PONG                       ECHO text    text
//   ADD n         the counter after adding   TIME         nanoseconds: never the same in two VMs
//   BIG n seed    n bytes made of seed       SINK n       (n bytes follow) sum and count of them
//   DIAL addr p   ok; the guest then connects to addr port p, and serves that connection, too
//   BOOT          a number drawn when the service began
//
// UDP port 7000 echoes. Written without threads or blocking: a client that does not read stops nobody
// else, and the order of ADDs is that of their arrival.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kPort = 7000, kMostClients = 200, kLine = 4096, kOut = 1 << 16 };

struct client {
    int fd;              // -1: a free place
    int connecting;
    char line[kLine];
    size_t line_size;
    char out[kOut];
    size_t out_begin, out_end;
    uint64_t big_left, big_at, big_seed;
    uint64_t sink_left, sink_count, sink_sum;
};

static struct client clients[kMostClients];
static int64_t counter;
static uint64_t boot;

// As tests/live/client.py has it: splitmix64 of the position's word.
static uint64_t word_at(uint64_t seed, uint64_t index) {
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill(struct client *c) {
    if (c->out_begin == c->out_end) c->out_begin = c->out_end = 0;
    while (c->big_left && kOut - c->out_end >= 8) {
        uint64_t word = word_at(c->big_seed, c->big_at++);
        size_t size = c->big_left < 8 ? c->big_left : 8;
        memcpy(c->out + c->out_end, &word, size);
        c->out_end += size;
        c->big_left -= size;
    }
}

static int is_sending(const struct client *c) {
    return c->out_begin != c->out_end || c->big_left;
}

static void hang_up(struct client *c) {
    close(c->fd);
    c->fd = -1;
}

static void flush(struct client *c) {
    for (fill(c); c->out_begin != c->out_end; fill(c)) {
        ssize_t size = write(c->fd, c->out + c->out_begin, c->out_end - c->out_begin);
        if (size < 0) {
            if (errno != EAGAIN) hang_up(c);
            return;
        }
        c->out_begin += (size_t)size;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct client *c, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(c->out + c->out_end, kOut - c->out_end, format, arguments);
    va_end(arguments);
    if (size > 0 && c->out_end + (size_t)size < kOut) c->out_end += (size_t)size;
}

static struct client *add_client(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    for (struct client *c = clients; c < clients + kMostClients; ++c) {
        if (c->fd >= 0) continue;
        memset(c, 0, offsetof(struct client, line));
        c->line_size = c->out_begin = c->out_end = 0;
        c->big_left = c->sink_left = 0;
        c->fd = fd;
        return c;
    }
    close(fd);
    return NULL;
}

// The port is ours to choose: the kernel's choice hangs on a secret drawn at the first use and on the clock, so that
// two equal guests may differ.
static int take_port(int fd, int is_six) {
    static int next = 20000;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)next)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)next)};
    ++next;
    return is_six ? bind(fd, (struct sockaddr *)&six, sizeof(six)) : bind(fd, (struct sockaddr *)&four, sizeof(four));
}

static int dial(const char *address, int port) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
    if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1) return 0;
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const struct sockaddr *to = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t size = is_six ? sizeof(six) : sizeof(four);
    if (fd < 0) return 0;
    if (take_port(fd, is_six) != 0 || (connect(fd, to, size) != 0 && errno != EINPROGRESS)) {
        close(fd);
        return 0;
    }
    struct client *c = add_client(fd);
    if (c) c->connecting = 1;
    return c != NULL;
}

static void sink_done(struct client *c) {
    say(c, "%llu %llu\n", (unsigned long long)c->sink_sum, (unsigned long long)c->sink_count);
}

static void obey(struct client *c, const char *line) {
    long long number;
    unsigned long long size, seed;
    char address[64];
    int port;
    struct timespec now;
    if (!strcmp(line, "PING")) {
        say(c, "PONG\n");
    } else if (!strncmp(line, "ECHO ", 5)) {
        say(c, "%s\n", line + 5);
    } else if (sscanf(line, "ADD %lld", &number) == 1) {
        say(c, "%lld\n", (long long)(counter += number));
    } else if (!strcmp(line, "TIME")) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        say(c, "%010lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    } else if (sscanf(line, "BIG %llu %llu", &size, &seed) == 2) {
        c->big_left = size;
        c->big_seed = seed;
        c->big_at = 0;
    } else if (sscanf(line, "SINK %llu", &size) == 1) {
        c->sink_left = size;
        c->sink_sum = c->sink_count = 0;
        if (!size) sink_done(c);
    } else if (sscanf(line, "DIAL %63s %d", address, &port) == 2) {
        say(c, "%s\n", dial(address, port) ? "ok" : "cannot");
    } else if (!strcmp(line, "BOOT")) {
        say(c, "%016llx\n", (unsigned long long)boot);
    } else {
        say(c, "?\n");
    }
}

// The sum of each byte times its position + 1: bytes that are lost, doubled or changed places show.
static size_t sink(struct client *c, const char *data, size_t size) {
    size_t taken = size < c->sink_left ? size : (size_t)c->sink_left;
    for (size_t i = 0; i < taken; ++i) c->sink_sum += (uint8_t)data[i] * ++c->sink_count;
    c->sink_left -= taken;
    if (taken && !c->sink_left) sink_done(c);
    return taken;
}

// One line at a time: what follows waits until its answer is out.
static void take(struct client *c) {
    size_t at = 0;
    while (at < c->line_size && !c->big_left && kOut - c->out_end > 2 * kLine) {
        if (c->sink_left) {
            at += sink(c, c->line + at, c->line_size - at);
            continue;
        }
        char *end = memchr(c->line + at, '\n', c->line_size - at);
        if (!end) break;
        *end = 0;
        obey(c, c->line + at);
        at = (size_t)(end + 1 - c->line);
    }
    c->line_size -= at;
    memmove(c->line, c->line + at, c->line_size);
}

static void hear(struct client *c) {
    ssize_t size = read(c->fd, c->line + c->line_size, kLine - 1 - c->line_size);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return hang_up(c);
    c->line_size += (size_t)size;
}

static void serve(struct client *c, short events) {
    if (c->connecting && !(c->connecting = !(events & (POLLOUT | POLLERR | POLLHUP)))) {
        say(c, "HELLO\n");
    }
    if (!is_sending(c) && events & (POLLIN | POLLERR | POLLHUP)) hear(c);
    if (c->fd < 0) return;
    flush(c);
    for (size_t before = ~(size_t)0; c->fd >= 0 && c->line_size && before != c->line_size;) {
        before = c->line_size;
        if (!is_sending(c)) take(c);
        flush(c);
    }
}

static int listener(int type) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(kPort)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 ||
        (type == SOCK_STREAM && listen(fd, 64) != 0)) {
        perror("service");
        exit(1);
    }
    return fd;
}

static void echo(int fd) {
    static char datagram[65536];
    struct sockaddr_in6 from;
    socklen_t length = sizeof(from);
    ssize_t size = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &length);
    if (size >= 0) sendto(fd, datagram, (size_t)size, 0, (struct sockaddr *)&from, length);
}

int main(void) {
    static struct pollfd fds[kMostClients + 2];
    const int tcp = listener(SOCK_STREAM), udp = listener(SOCK_DGRAM);
    getrandom(&boot, sizeof(boot), 0);
    for (struct client *c = clients; c < clients + kMostClients; ++c) c->fd = -1;
    dprintf(1, "SERVICE-READY\n");
    for (;;) {
        for (int i = 0; i < kMostClients; ++i) {
            const struct client *c = &clients[i];
            fds[i].fd = c->fd;
            fds[i].events = c->connecting || is_sending(c) ? POLLOUT : POLLIN;
        }
        fds[kMostClients] = (struct pollfd){tcp, POLLIN, 0};
        fds[kMostClients + 1] = (struct pollfd){udp, POLLIN, 0};
        if (poll(fds, kMostClients + 2, -1) < 0) continue;
        for (int i = 0; i < kMostClients; ++i) {
            if (clients[i].fd >= 0 && fds[i].revents) serve(&clients[i], fds[i].revents);
        }
        if (fds[kMostClients + 1].revents) echo(udp);
        for (int fd; fds[kMostClients].revents && (fd = accept4(tcp, 0, 0, SOCK_NONBLOCK)) >= 0;) {
            add_client(fd);
        }
    }
}
