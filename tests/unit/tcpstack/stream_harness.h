// SPDX-License-Identifier: GPL-2.0-or-later
// A reassembler, one stream and a sink that checks what it gets. Tests speak of positions: offsets
// from the stream's first byte, which do not wrap.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "packet/frame.h"
#include "tcpstack/reassembler.h"

namespace colo::test {

/// The byte every stream of the tests has at `position`.
inline uint8_t byte_at(uint64_t position) {
    return static_cast<uint8_t>((position * 2654435761u) >> 13);
}

inline std::vector<uint8_t> stream_bytes(uint64_t position, uint32_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint32_t i = 0; i < size; ++i) bytes[i] = byte_at(position + i);
    return bytes;
}

/// Checks that what comes is the stream from `position` on, with no byte missing or repeated.
class CheckingSink final : public StreamSink {
  public:
    void deliver(Bytes bytes, const Frame* frame) override {
        for (const uint8_t byte : bytes) wrong_bytes += byte != byte_at(position++);
        if (frame && !inside(bytes, frame->bytes())) ++outside_frame;
        frames += frame != nullptr;
        delivered += bytes.size();
    }

    uint64_t position = 0;
    uint64_t delivered = 0;
    uint64_t wrong_bytes = 0;
    uint64_t outside_frame = 0;
    uint64_t frames = 0;  ///< deliveries that came with their frame

  private:
    static bool inside(Bytes inner, Bytes outer) {
        return inner.data() >= outer.data() &&
               inner.data() + inner.size() <= outer.data() + outer.size();
    }
};

class StreamHarness {
  public:
    explicit StreamHarness(Seq first = Seq(1000), const ReassemblyLimits& limits = {})
        : reassembler(limits), stream(first), first_(first) {}

    Seq seq(uint64_t position) const { return first_ + static_cast<uint32_t>(position); }

    /// The stream's own bytes.
    Arrival push(uint64_t position, uint32_t size) {
        return push_bytes(position, stream_bytes(position, size), size);
    }
    /// A segment of `size` of which the first `here` bytes were captured.
    Arrival push_cut(uint64_t position, uint32_t size, uint32_t here) {
        return push_bytes(position, stream_bytes(position, here), size);
    }
    Arrival push_bytes(uint64_t position, const std::vector<uint8_t>& bytes, uint32_t size) {
        return push_bytes(position, bytes, size, sink);
    }
    Arrival push_bytes(uint64_t position, const std::vector<uint8_t>& bytes, uint32_t size,
                       StreamSink& to) {
        // The frame's handle goes away after the push: what is queued must have taken its own.
        const Frame frame = pool.copy(bytes);
        return reassembler.push(stream, {seq(position), size, frame.bytes(), &frame}, to);
    }

    void skip_to(uint64_t position) {
        sink.position = position;
        reassembler.skip_to(stream, seq(position), sink);
    }

    /// All up to `position` has come, intact and once, and nothing is left over.
    void expect_complete(uint64_t position) const {
        EXPECT_EQ(sink.delivered, position);
        expect_at_rest(position);
    }
    void expect_at_rest(uint64_t position) const {
        expect_at(position);
        EXPECT_FALSE(stream.reassembling());
        EXPECT_EQ(reassembler.queued_bytes(), 0u);
        EXPECT_EQ(reassembler.counters().open, 0u);
    }
    void expect_at(uint64_t position) const {
        EXPECT_EQ(stream.next().raw(), seq(position).raw());
        EXPECT_EQ(sink.position, position);
        EXPECT_EQ(sink.wrong_bytes, 0u);
        EXPECT_EQ(sink.outside_frame, 0u);
    }

    FramePool pool;
    Reassembler reassembler;
    TcpStream stream;
    CheckingSink sink;

  private:
    Seq first_;
};

}  // namespace colo::test
