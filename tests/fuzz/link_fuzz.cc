// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes from the other end of a link, cut anywhere, to a session that answers, opens, reads, aborts.
// Input: a byte (bit 0: a hello comes first; bit 1: we connected), then pieces: a byte of what our side does,
// a length, bytes. What must hold: no stream is told anything after its end, and each has one end.
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "fuzz_input.h"
#include "link/link_session.h"

namespace colo::fuzz {
namespace {

class User final : public Stream::User {
  public:
    explicit User(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {
        stream_->set_user(this);
    }
    void stream_readable(Stream& stream) override {
        FUZZ_CHECK(!over_);
        if (stream.id() % 3) stream.consume(stream.peek().size());
    }
    void stream_writable(Stream&) override { FUZZ_CHECK(!over_); }
    void stream_over(Stream& stream, const LinkStatus&) override {
        FUZZ_CHECK(!over_ && stream.is_over());
        over_ = true;
    }
    void act(uint8_t what) {
        if (what & 1) stream_->write(std::array<uint8_t, 300>{});
        if (what & 2) stream_->consume(stream_->peek().size());
        if (what & 4) stream_->finish();
        if (what & 8) stream_->abort({LinkCode::kCancelled, "fuzzed"});
    }

  private:
    std::unique_ptr<Stream> stream_;
    bool over_ = false;
};

class End final : public LinkUser, public LinkSession::Carrier {
  public:
    explicit End(const LinkConfig& config) : session(config, *this, *this, Time{}) {}

    void session_woke() override {}
    void link_up(const Hello&) override {}
    void link_over(const LinkStatus&) override { FUZZ_CHECK(++overs == 1); }
    void packet(const PacketHeader&, Frame frame) override { FUZZ_CHECK(frame.size() <= kMaxPacketBytes); }
    bool control_call(const ControlHeader& header, Bytes payload) override {
        if (header.procedure % 2) session.reply(header.serial, {}, payload);
        return header.procedure % 3 != 0;
    }
    void stream_offered(std::unique_ptr<Stream> stream) override {
        if (stream->service() == "no") return;
        users.push_back(std::make_unique<User>(std::move(stream)));
    }

    void act(uint8_t what) {
        if (what & 0x10) {
            if (auto stream = session.open("service")) users.push_back(std::make_unique<User>(std::move(stream)));
        }
        if (what & 0x20) session.call(1, 0, {}, [](const LinkStatus&, Bytes) {});
        if (!users.empty()) users[what % users.size()]->act(what);
        if (what & 0x40) drain();
        if (what & 0x80 && !users.empty()) users.pop_back();
    }
    void give(Bytes bytes) {
        while (!bytes.empty() && !session.is_over()) {
            const MutableBytes space = buffer.space();
            const size_t part = std::min(space.size(), bytes.size());
            std::memcpy(space.data(), bytes.data(), part);
            buffer.commit(part);
            bytes = bytes.subspan(part);
            session.receive(buffer, Time{});
        }
        session.settle();
    }
    void drain() {
        std::array<iovec, 8> vectors;
        while (session.gather(vectors) > 0) session.consume(vectors[0].iov_len);
        session.settle();
    }

    FramePool pool;
    ReceiveBuffer buffer{pool};
    int overs = 0;
    std::vector<std::unique_ptr<User>> users;
    LinkSession session;  // last: goes first
};

std::vector<uint8_t> hello_message() {
    Hello hello;
    hello.stream_window = 1000;
    hello.max_streams = 3;
    hello.name = "fuzz";
    const std::vector<uint8_t> payload = encode(hello);
    MessageHeader header;
    header.length = static_cast<uint32_t>(kHeaderBytes + payload.size());
    header.procedure = kHello;
    std::vector<uint8_t> message(kHeaderBytes);
    encode(header, message.data());
    message.insert(message.end(), payload.begin(), payload.end());
    return message;
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    const uint8_t kind = input.byte();
    LinkConfig config;
    config.connected = kind & 2;
    config.streams = {2000, 3};
    End end(config);
    if (kind & 1) end.give(hello_message());
    while (!input.empty()) {
        end.act(input.byte());
        end.give(input.bytes(input.byte()));
    }
    end.drain();
    end.session.lost({LinkCode::kLinkLost, "the input has ended"});
    end.session.settle();
    FUZZ_CHECK(end.overs == 1);
    return 0;
}
