// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/tunnel_streams.h"

#include <utility>

#include "io/log.h"
#include "monitor/json_value.h"

namespace colo {

const char* TunnelStreams::Entry::state() const {
    const Stream& one = stream();
    if (one.is_over()) return "over";
    if (forward && !forward->is_connected()) return "connecting";
    if (pump ? pump->is_waiting() : forward->is_waiting()) return "waiting";
    const bool sent = one.is_finished();
    if (sent && one.at_end()) return "finishing";
    if (sent) return "receiving";
    return one.at_end() ? "sending" : "open";
}

StreamPump::Done TunnelStreams::when_done(uint64_t number) {
    return [this, number](const LinkStatus& status) { ended(number, status); };
}

void TunnelStreams::add(std::unique_ptr<Stream> stream, FileDescriptor client, const std::string& what) {
    const uint64_t number = next_++;
    entries_[number].pump =
        std::make_unique<StreamPump>(loop_, std::move(stream), std::move(client), what, when_done(number));
}

void TunnelStreams::add(std::unique_ptr<Stream> stream, const ListenAddress& target, const std::string& what) {
    const uint64_t number = next_++;
    entries_[number].forward =
        std::make_unique<StreamForward>(loop_, std::move(stream), target, what, when_done(number));
}

void TunnelStreams::ended(uint64_t number, const LinkStatus& status) {
    const auto node = entries_.extract(number);
    const Stream& stream = node.mapped().stream();
    bytes_of_ended_ += stream.bytes_in() + stream.bytes_out();
    const std::string name = "stream " + std::to_string(number);
    if (status.ok()) {
        log_info(name, "over: " + bytes_text(stream.bytes_out()) + " sent, " +
                           bytes_text(stream.bytes_in()) + " received");
    } else {
        log_warning(name, status.text);
    }
    ended_();
}

void TunnelStreams::cancel_all(const std::string& why) {
    for (auto& [number, entry] : entries_) entry.cancel({LinkCode::kCancelled, why});
}

uint64_t TunnelStreams::bytes() const {
    uint64_t sum = bytes_of_ended_;
    for (const auto& [number, entry] : entries_) sum += entry.stream().bytes_in() + entry.stream().bytes_out();
    return sum;
}

void TunnelStreams::add_commands(CommandRegistry& registry) {
    registry.add({"tunnel-list", {}, "the streams there are",
                  answer_with([this](const Json&) { return list(); }), "tunnel"});
    registry.add({"tunnel-cancel", {{"stream", ArgumentType::kInteger}}, "end a stream at once",
                  answer_with([this](const Json& arguments) {
                      return cancel(arguments["stream"].get<uint64_t>());
                  })});
}

Result TunnelStreams::list() const {
    Json streams = Json::array();
    for (const auto& [number, entry] : entries_) {
        const Stream& stream = entry.stream();
        streams.push_back({{"stream", number},
                           {"service", stream.service()},
                           {"bytes-in", stream.bytes_in()},
                           {"bytes-out", stream.bytes_out()},
                           {"state", entry.state()}});
    }
    return streams;
}

Result TunnelStreams::cancel(uint64_t number) {
    const auto found = entries_.find(number);
    if (found == entries_.end()) return CommandError{"there is no stream " + std::to_string(number)};
    Entry& entry = found->second;
    const Stream& stream = entry.stream();
    entry.cancel({LinkCode::kCancelled, "cancelled from the monitor after " +
                                            bytes_text(stream.bytes_out()) + " sent, " +
                                            bytes_text(stream.bytes_in()) + " received"});
    return Json::object();
}

}  // namespace colo
