// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/link/stream_end.h"

#include <algorithm>
#include <utility>

namespace colo::sim {

namespace {

/// Of a stream's direction: no two positions nearby, and no two streams, are alike.
uint8_t expected_byte(uint32_t stream, bool from_a, uint64_t at) {
    return static_cast<uint8_t>(stream * 31 + (from_a ? 7 : 0) + at * 13 + (at >> 8));
}

}  // namespace

StreamEnd::StreamEnd(Random& random, Judge& judge, std::unique_ptr<Stream> stream, bool is_a)
    : random_(random), judge_(judge), stream_(std::move(stream)), is_a_(is_a) {
    stream_->set_user(this);
    ++judge_.result.streams;
}

void StreamEnd::act() {
    if (ended_) return;
    switch (random_.below(8)) {
        case 0:
        case 1:
        case 2: return write_some();
        case 3:
        case 4:
        case 5: return read_some();
        case 6: return stream_->finish();
        default:
            if (random_.chance(125)) abort();
    }
}

void StreamEnd::conclude() {
    if (ended_) return;
    stream_->finish();
    read_some();
}

void StreamEnd::abort() {
    stream_->abort({LinkCode::kCancelled, "the dice"});
    ended_ = true;
    ++judge_.result.aborted;
    judge_.need(stream_->peek().empty(), "bytes after an abort", id());
}

void StreamEnd::stream_readable(Stream&) {
    judge_.need(!ended_, "readable after the end", id());
    if (random_.below(3)) read_some();
}

void StreamEnd::stream_writable(Stream&) { judge_.need(!ended_, "writable after the end", id()); }

void StreamEnd::stream_over(Stream& stream, const LinkStatus& status) {
    judge_.need(!ended_, "a second status", id());
    judge_.need(stream.is_over() && status.code == stream.status().code, "a status that is not its own", id());
    ended_ = true;
    if (status.ok()) ++judge_.result.completed;
}

void StreamEnd::write_some() {
    const MutableBytes into = stream_->space();
    if (into.empty()) return;
    const size_t size = some_of(into.size());
    for (size_t i = 0; i < size; ++i) into[i] = expected_byte(id(), is_a_, sent_ + i);
    stream_->commit(size);
    sent_ += size;
}

/// Often little, sometimes all there is room for, or nothing after all.
size_t StreamEnd::some_of(size_t room) {
    switch (random_.below(8)) {
        case 0: return 0;
        case 1: return room;
        case 2: return random_.below(room + 1);
        default: return random_.below(std::min<size_t>(room, 99) + 1);
    }
}

void StreamEnd::read_some() {
    uint64_t most = random_.below(4) ? random_.between(1, 5000) : UINT64_MAX;
    while (most > 0 && !stream_->peek().empty()) {
        const Bytes next = stream_->peek().first(std::min<uint64_t>(most, stream_->peek().size()));
        size_t right = 0;
        while (right < next.size() && next[right] == expected_byte(id(), !is_a_, got_ + right)) ++right;
        if (!judge_.need(right == next.size(), "a byte that was not sent there", id())) return;
        got_ += next.size();
        judge_.result.bytes += next.size();
        most -= next.size();
        stream_->consume(next.size());
    }
}

}  // namespace colo::sim
