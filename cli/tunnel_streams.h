// SPDX-License-Identifier: GPL-2.0-or-later
// The connections a tunnel carries: listed, cancelled, counted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "link/stream_forward.h"
#include "monitor/command_registry.h"

namespace colo {

class TunnelStreams {
  public:
    explicit TunnelStreams(EventLoop& loop) : loop_(loop) {}
    TunnelStreams(const TunnelStreams&) = delete;
    TunnelStreams& operator=(const TunnelStreams&) = delete;

    /// tunnel-list, tunnel-cancel.
    void add_commands(CommandRegistry& registry);
    /// Called when one has ended.
    void on_end(std::function<void()> ended) { ended_ = std::move(ended); }

    /// A client's connection.
    void add(std::unique_ptr<Stream> stream, FileDescriptor client, const std::string& what);
    /// The peer's, to be carried on.
    void add(std::unique_ptr<Stream> stream, const ListenAddress& target, const std::string& what);

    void cancel_all(const std::string& why);
    size_t size() const { return entries_.size(); }
    /// Both directions, of those that have ended, too.
    uint64_t bytes() const;

    static constexpr const char* kService = "tunnel";

  private:
    struct Entry {
        std::unique_ptr<StreamPump> pump;
        std::unique_ptr<StreamForward> forward;

        const Stream& stream() const { return pump ? pump->stream() : forward->stream(); }
        void cancel(const LinkStatus& why) { pump ? pump->cancel(why) : forward->cancel(why); }
        const char* state() const;
    };

    StreamPump::Done when_done(uint64_t number);
    Result list() const;
    Result cancel(uint64_t number);
    void ended(uint64_t number, const LinkStatus& status);

    EventLoop& loop_;
    std::function<void()> ended_ = [] {};
    uint64_t next_ = 1;
    uint64_t bytes_of_ended_ = 0;
    std::map<uint64_t, Entry> entries_;
};

}  // namespace colo
