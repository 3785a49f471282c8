// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/link/link_end.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace colo::sim {

namespace {

constexpr size_t kMostStreams = 12;

LinkConfig config(bool is_a) {
    LinkConfig config;
    config.name = is_a ? "a" : "b";
    config.connected = is_a;
    config.streams = {20'000, 4};  // credits and opens run out often
    return config;
}

}  // namespace

LinkEnd::LinkEnd(Random& random, Judge& judge, bool is_a)
    : random_(random), judge_(judge), is_a_(is_a), session_(config(is_a), *this, *this, Time{}) {}

void LinkEnd::act() {
    if (random_.chance(100) && streams_.size() < kMostStreams) open();
    if (random_.chance(250)) send_packet();
    if (!streams_.empty()) streams_[random_.below(streams_.size())]->act();
    session_.settle();
}

void LinkEnd::open() {
    if (auto stream = session_.open("echo")) {
        streams_.push_back(std::make_unique<StreamEnd>(random_, judge_, std::move(stream), is_a_));
    }
}

/// The epoch is its number, the port its size.
void LinkEnd::send_packet() {
    static constexpr std::array<uint8_t, 2000> kFrame{};
    const Bytes frame = Bytes(kFrame).first(random_.below(kFrame.size()));
    const PacketHeader header{1, static_cast<uint32_t>(frame.size()), packets_out_};
    if (session_.send_packet(header, frame) == PacketResult::kQueued) ++packets_out_;
}

void LinkEnd::conclude() {
    for (auto& stream : streams_) stream->conclude();
    session_.settle();
}

bool LinkEnd::is_quiet() const {
    return std::ranges::all_of(streams_, [](const auto& stream) { return stream->has_ended(); });
}

void LinkEnd::link_over(const LinkStatus&) {
    judge_.need(!std::exchange(told_over_, true), "a second end of the link");
}

void LinkEnd::packet(const PacketHeader& header, Frame frame) {
    judge_.need(header.epoch == packets_in_++, "a packet out of order");
    judge_.need(frame.size() == header.port, "a packet of another size");
    ++judge_.result.packets;
}

void LinkEnd::stream_offered(std::unique_ptr<Stream> stream) {
    if (random_.below(8) == 0) return;  // refused
    streams_.push_back(std::make_unique<StreamEnd>(random_, judge_, std::move(stream), is_a_));
}

std::string LinkEnd::take(size_t most) {
    std::string taken;
    while (taken.size() < most) {
        std::array<iovec, 1> vectors;
        if (session_.gather(vectors) == 0) break;
        const size_t part = std::min(most - taken.size(), vectors[0].iov_len);
        taken.append(static_cast<const char*>(vectors[0].iov_base), part);
        session_.consume(part);
    }
    session_.settle();
    return taken;
}

void LinkEnd::give(const std::string& bytes) {
    const MutableBytes space = buffer_.space();
    if (!judge_.need(space.size() >= bytes.size(), "no room for what has come")) return;
    std::memcpy(space.data(), bytes.data(), bytes.size());
    buffer_.commit(bytes.size());
    session_.receive(buffer_, Time{});
    session_.settle();
}

void LinkEnd::lose() {
    session_.lost({LinkCode::kLinkLost, "the transport died"});
    session_.settle();
}

void LinkEnd::check(const LinkEnd& other) const {
    judge_.need(session_.streams() == 0, "a stream that is left in the table");
    for (const auto& stream : streams_) {
        judge_.need(stream->has_ended(), "a stream that never ended", stream->id());
        if (!stream->is_ok()) continue;
        const auto twin = std::ranges::find(other.streams_, stream->id(), &StreamEnd::id);
        if (!judge_.need(twin != other.streams_.end(), "ok with nobody", stream->id())) continue;
        judge_.need((*twin)->got() == stream->sent() && stream->got() == (*twin)->sent(),
                    "ok, and not all has arrived", stream->id());
    }
}

}  // namespace colo::sim
