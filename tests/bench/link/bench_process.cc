// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/link/bench_process.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include "io/system_failure.h"

namespace colo::bench {

namespace {

void need(bool holds, const char* what) {
    if (!holds) throw_errno(what);
}

double in_seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void close_all_but(std::vector<int> keeps) {
    std::ranges::sort(keeps);
    unsigned from = 3;
    for (const int fd : keeps) {
        const auto kept = static_cast<unsigned>(fd);
        if (kept > from) close_range(from, kept - 1, 0);
        from = std::max(from, kept + 1);
    }
    close_range(from, ~0u, 0);
}

[[noreturn]] void work_and_exit(const BenchProcess::Work& work, int results) {
    try {
        const std::vector<double> figures = work();
        const size_t size = figures.size() * sizeof(double);
        _exit(write(results, figures.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        _exit(1);
    }
}

}  // namespace

BenchProcess::BenchProcess(std::initializer_list<int> keeps, const Work& work) {
    int ends[2];
    need(pipe(ends) == 0, "pipe");
    figures_ = FileDescriptor(ends[0]);
    const FileDescriptor results(ends[1]);
    process_ = fork();
    need(process_ >= 0, "fork");
    if (process_ > 0) return;
    std::vector<int> kept(keeps);
    kept.push_back(results.get());
    close_all_but(std::move(kept));
    signal(SIGPIPE, SIG_IGN);
    work_and_exit(work, results.get());
}

Outcome BenchProcess::wait() {
    Outcome outcome;
    for (double figure; read(figures_.get(), &figure, sizeof(figure)) == sizeof(figure);) {
        outcome.figures.push_back(figure);
    }
    int status = 0;
    rusage usage{};
    need(wait4(process_, &status, 0, &usage) == process_, "wait4");
    if (status != 0) throw std::runtime_error("a process of the benchmark has failed");
    outcome.cpu_seconds = in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
    return outcome;
}

SocketPair unix_pair() {
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

SocketPair tcp_pair(int receive_buffer) {
    const FileDescriptor listener(socket(AF_INET, SOCK_STREAM, 0));
    if (receive_buffer > 0) {
        need(setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) == 0,
             "SO_RCVBUF");
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    need(bind(listener.get(), name, size) == 0 && listen(listener.get(), 1) == 0 &&
             getsockname(listener.get(), name, &size) == 0,
         "a listening socket");
    SocketPair pair{FileDescriptor(socket(AF_INET, SOCK_STREAM, 0)), {}};
    need(connect(pair.a.get(), name, size) == 0, "connect");
    pair.b = FileDescriptor(accept(listener.get(), nullptr, nullptr));
    need(static_cast<bool>(pair.b), "accept");
    const int on = 1;
    for (const FileDescriptor* fd : {&pair.a, &pair.b}) {
        setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return pair;
}

}  // namespace colo::bench
