// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/metrics_session.h"

#include <optional>
#include <utility>

#include "monitor/json_value.h"
#include "monitor/open_metrics.h"

namespace colo {

namespace {

constexpr size_t kMaxHeadBytes = 8 << 10;
constexpr const char* kPlainText = "text/plain; charset=utf-8";

struct RequestLine {
    std::string_view method;
    std::string_view path;  ///< without a query
};

/// Nothing: it is no HTTP/1.x.
std::optional<RequestLine> parse_request_line(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    if (first == 0 || first == std::string_view::npos || first == last) return std::nullopt;
    if (!line.substr(last + 1).starts_with("HTTP/1.")) return std::nullopt;
    const std::string_view target = line.substr(first + 1, last - first - 1);
    return RequestLine{line.substr(0, first), target.substr(0, target.find('?'))};
}

}  // namespace

void MetricsSession::push(std::string_view bytes) {
    if (!answered_) head_.append(bytes);
}

bool MetricsSession::step() {
    if (answered_) return false;
    const bool whole =
        head_.find("\r\n\r\n") != std::string::npos || head_.find("\n\n") != std::string::npos;
    if (!whole && head_.size() <= kMaxHeadBytes) return false;
    answered_ = true;
    if (head_.size() > kMaxHeadBytes) {
        refuse("431 Request Header Fields Too Large");
    } else {
        handle(std::string_view(head_).substr(0, head_.find_first_of("\r\n")));
    }
    return true;
}

void MetricsSession::step_last() {
    if (!std::exchange(answered_, true)) refuse("400 Bad Request");
}

void MetricsSession::handle(std::string_view request_line) {
    const auto request = parse_request_line(request_line);
    if (!request) return refuse("400 Bad Request");
    with_body_ = request->method != "HEAD";
    if (with_body_ && request->method != "GET") return refuse("405 Method Not Allowed");
    if (request->path != "/metrics") return refuse("404 Not Found");
    commands_.execute("query-colo-proxy", Json::object(), reply([this](const Result& result) {
                          if (!result.ok()) return refuse("503 Service Unavailable");
                          respond("200 OK", kOpenMetricsType, open_metrics(result.value()));
                      }));
}

void MetricsSession::refuse(const char* status) {
    respond(status, kPlainText, std::string(status) + ": GET /metrics is what there is\n");
}

void MetricsSession::respond(const char* status, const char* type, const std::string& body) {
    output().send(std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type +
                  "\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n" + (with_body_ ? body : ""));
    output().end();
}

}  // namespace colo
