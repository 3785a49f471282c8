// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/monitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "monitor/builtin_commands.h"
#include "monitor/json_value.h"
#include "monitor/metrics_session.h"
#include "monitor/qmp_session.h"
#include "monitor/text_session.h"

namespace colo {

namespace {

/// Standard input or output without blocking. A terminal or pipe is opened anew, because the flag
/// of what we were given is also the parent's; a socket has no need of the flag, and a file
/// neither.
FileDescriptor nonblocking(int fd, int mode) {
    struct stat status;
    if (fstat(fd, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode))) {
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        FileDescriptor own(open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
        if (own) return own;
    }
    return FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

Json server_json(const StreamServer& server) {
    const ServerCounters& counters = server.counters();
    return {{"address", server.name()},
            {"clients", server.clients()},
            {"accepted", counters.accepted},
            {"refused", counters.refused},
            {"accept-failures", counters.accept_failures},
            {"overflowed", counters.overflowed},
            {"timed-out", counters.timed_out}};
}

}  // namespace

Monitor::Monitor(GMainContext* context, const Version& version, std::function<void()> quit)
    : context_(context), version_(version) {
    add_builtin_commands(commands_, version_, std::move(quit));
    commands_.add({"query-monitor", {}, "the monitor's own clients", answer_with([this](auto&&) {
                       return Result(servers_json());
                   })});
}

const StreamServer& Monitor::serve_qmp(const std::string& address, const char* option) {
    const auto factory = [this](SessionOutput& output) {
        return std::make_unique<QmpSession>(commands_, version_, output);
    };
    return serve(option, address, factory, {});
}

const StreamServer& Monitor::serve_text(const std::string& address, const char* option) {
    const auto factory = [this](SessionOutput& output) {
        return std::make_unique<TextSession>(commands_, version_, output);
    };
    return serve(option, address, factory, {});
}

const StreamServer& Monitor::serve_metrics(const std::string& address, const char* option) {
    ServerConfig config;
    config.max_clients = kMaxMetricsClients;
    config.connection.timeout_ms = kMetricsTimeoutMs;
    config.reach = Reach::kLoopback;
    const auto factory = [this](SessionOutput& output) {
        return std::make_unique<MetricsSession>(commands_, output);
    };
    return serve(option, address, factory, config);
}

const StreamServer& Monitor::serve(const char* option, const std::string& text,
                                   SessionFactory factory, const ServerConfig& config) try {
    const Stdio stdio = config.reach == Reach::kLoopback ? Stdio::kImpossible : Stdio::kPossible;
    const ListenAddress address = parse_listen_address(text, stdio);
    auto server = std::make_unique<StreamServer>(context_, std::move(factory), config);
    if (address.kind == ListenAddress::Kind::kStdio) {
        if (std::exchange(stdio_taken_, true))
            throw std::invalid_argument("stdio is taken already");
        server->adopt(nonblocking(STDIN_FILENO, O_RDONLY), nonblocking(STDOUT_FILENO, O_WRONLY));
    } else {
        server->listen(address);
    }
    servers_.push_back(std::move(server));
    return *servers_.back();
} catch (const std::exception& error) {
    throw std::runtime_error(std::string(option) + " " + error.what());
}

void Monitor::emit(const std::string& event, const Json& data) {
    const std::string line = qmp_event(event, data);
    for (const auto& server : servers_) server->event(line);
}

Json Monitor::servers_json() const {
    Json list = Json::array();
    for (const auto& server : servers_) list.push_back(server_json(*server));
    return list;
}

}  // namespace colo
