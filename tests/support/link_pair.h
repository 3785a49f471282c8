// SPDX-License-Identifier: GPL-2.0-or-later
// Two ends of a link joined by memory: what one sends the other gets when the test says so.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "link/link_session.h"

namespace colo {

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string as_text(Bytes bytes) { return std::string(bytes.begin(), bytes.end()); }

/// Keeps what it is told.
class RecordingUser final : public Stream::User {
  public:
    void stream_readable(Stream& stream) override {
        ++readable;
        if (reads) read_all(stream);
        ended = ended || stream.at_end();
    }
    void stream_writable(Stream&) override { ++writable; }
    void stream_over(Stream&, const LinkStatus& status) override {
        ++overs;
        last = status;
    }
    void read_all(Stream& stream) {
        while (!stream.peek().empty()) {
            got += as_text(stream.peek());
            stream.consume(stream.peek().size());
        }
        ended = stream.at_end();
    }

    bool reads = true;
    std::string got;
    bool ended = false;
    int readable = 0;
    int writable = 0;
    int overs = 0;
    LinkStatus last;
};

class LinkEnd final : public LinkUser, public LinkSession::Carrier {
  public:
    explicit LinkEnd(const LinkConfig& config)
        : session(std::make_unique<LinkSession>(config, *this, *this, Time{})) {}

    void session_woke() override {}
    void link_up(const Hello& hello) override {
        log.push_back("up");
        peer = hello;
    }
    void link_over(const LinkStatus& status) override {
        log.push_back("over");
        ending = status;
    }
    void packet(const PacketHeader& header, Frame frame) override {
        packets.emplace_back(header, as_text(frame.bytes()));
    }
    void packets_end() override { ++batches; }
    void control_message(const ControlHeader& header, Bytes payload) override {
        log.push_back("message " + std::to_string(header.procedure) + " " + as_text(payload));
    }
    bool control_call(const ControlHeader& header, Bytes payload) override {
        log.push_back("call " + std::to_string(header.procedure) + " " + as_text(payload));
        calls.push_back(header);
        return knows_calls;
    }
    void heartbeat(uint32_t epoch, Bytes payload) override {
        log.push_back("heartbeat " + std::to_string(epoch) + " " + as_text(payload));
    }
    void stream_offered(std::unique_ptr<Stream> stream) override {
        if (refuses) return LinkUser::stream_offered(std::move(stream));
        stream->set_user(&users.emplace_back(std::make_unique<RecordingUser>()).operator*());
        streams.push_back(std::move(stream));
    }

    /// Bytes for the other end, at most `most`.
    std::string take(size_t most = SIZE_MAX) {
        std::string taken;
        session->settle();
        while (taken.size() < most) {
            std::array<iovec, 8> vectors;
            const size_t used = session->gather(vectors);
            if (used == 0) break;
            const size_t part = std::min(most - taken.size(), vectors[0].iov_len);
            taken.append(static_cast<const char*>(vectors[0].iov_base), part);
            session->consume(part);
            session->settle();
        }
        return taken;
    }
    /// False: destroyed meanwhile.
    void give(std::string_view bytes, Time now = {}) {
        while (!bytes.empty() && !session->is_over()) {
            const MutableBytes space = buffer.space();
            const size_t part = std::min(space.size(), bytes.size());
            std::memcpy(space.data(), bytes.data(), part);
            buffer.commit(part);
            bytes.remove_prefix(part);
            if (!session->receive(buffer, now)) return;
        }
        session->settle();
    }

    FramePool pool;
    ReceiveBuffer buffer{pool};
    std::vector<std::string> log;
    Hello peer;
    LinkStatus ending;
    std::vector<std::pair<PacketHeader, std::string>> packets;
    int batches = 0;
    std::vector<ControlHeader> calls;
    bool knows_calls = true;
    bool refuses = false;
    std::vector<std::unique_ptr<RecordingUser>> users;
    std::vector<std::unique_ptr<Stream>> streams;
    std::unique_ptr<LinkSession> session;  // last: goes first, and the streams with it
};

struct LinkPair {
    explicit LinkPair(LinkConfig a_config = config("a"), LinkConfig b_config = config("b"))
        : a(connecting(std::move(a_config))), b(b_config) {}

    static LinkConfig config(const char* name) {
        LinkConfig config;
        config.name = name;
        return config;
    }
    static LinkConfig connecting(LinkConfig config) {
        config.connected = true;
        return config;
    }
    /// Until neither has anything to say.
    void run(Time now = {}) {
        for (bool quiet = false; !quiet;) {
            const std::string to_b = a.take();
            b.give(to_b, now);
            const std::string to_a = b.take();
            a.give(to_a, now);
            quiet = to_a.empty() && to_b.empty();
        }
    }

    LinkEnd a;
    LinkEnd b;
};

}  // namespace colo
