// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/monitor_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr size_t kMaxResponseBytes = 64 << 20;

}  // namespace

FileDescriptor connect_to_monitor(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) throw MonitorGone(path + ": the path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (connect(socket.get(), generic, sizeof(address)) != 0) {
        throw MonitorGone(path + ": " + std::strerror(errno));
    }
    return socket;
}

MonitorClient::MonitorClient(FileDescriptor socket, std::function<void(const Json&)> on_event)
    : socket_(std::move(socket)), on_event_(std::move(on_event)), framer_(kMaxResponseBytes) {
    if (!next().contains("QMP")) throw MonitorGone("the other end is not a QMP monitor");
    const Json response = request("qmp_capabilities", Json::object());
    if (response.contains("error")) throw MonitorGone("the monitor refused: " + to_line(response));
}

Json MonitorClient::request(const Json& request) {
    const std::string line = to_line(request) + "\n";
    for (size_t at = 0; at < line.size();) {
        const ssize_t sent = send(fd(), line.data() + at, line.size() - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) throw MonitorGone(std::strerror(errno));
        if (sent > 0) at += static_cast<size_t>(sent);
    }
    return next();
}

Json MonitorClient::request(const std::string& command, const Json& arguments) {
    return request({{"execute", command}, {"arguments", arguments}});
}

void MonitorClient::read_events() {
    receive();
    while (const auto message = framer_.next()) {
        if (!is_event(parse(*message))) throw MonitorGone("the monitor answered unasked");
    }
}

/// The next message that is no event.
Json MonitorClient::next() {
    for (;;) {
        while (const auto framed = framer_.next()) {
            Json message = parse(*framed);
            if (!is_event(message)) return message;
        }
        receive();
    }
}

/// A monitor's answers are not bounded as a client's requests are: only their bytes.
Json MonitorClient::parse(const JsonMessage& message) {
    Json json = Json::parse(message.text, nullptr, false);
    if (!message.error.empty() || !json.is_object()) {
        throw MonitorGone("the other end does not speak QMP: " + clipped(message.text));
    }
    return json;
}

bool MonitorClient::is_event(const Json& message) {
    if (!message.contains("event")) return false;
    on_event_(message);
    return true;
}

void MonitorClient::receive() {
    char buffer[64 << 10];
    const ssize_t size = recv(fd(), buffer, sizeof(buffer), 0);
    if (size < 0 && errno == EINTR) return;
    if (size < 0) throw MonitorGone(std::strerror(errno));
    if (size == 0) throw MonitorGone("the monitor closed the connection");
    framer_.push({buffer, static_cast<size_t>(size)});
}

}  // namespace colo
