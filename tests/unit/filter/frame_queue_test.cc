// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "filter/frame_decoder.h"
#include "stream_rig.h"

namespace colo {
namespace {

constexpr Framing kPlain = Framing::kPlain;
constexpr Framing kVnet = Framing::kVnet;
const std::string kFront(12, 'v');

class Queue : public testing::Test {
  protected:
    /// Frames as they come off a stream.
    std::vector<Frame> receive(const std::string& stream, Framing framing) {
        std::ranges::copy(stream, buffer_.space().begin());
        buffer_.commit(stream.size());
        std::vector<Frame> frames;
        FramingError error = FramingError::kNone;
        while (Frame frame = next_frame(buffer_, framing, error)) frames.push_back(std::move(frame));
        return frames;
    }
    void push_all(std::vector<Frame> frames, Framing framing) {
        for (Frame& frame : frames) queue_.push(std::move(frame), framing);
    }
    Frame copy(const std::string& data) { return pool_.copy(to_bytes(data)); }
    Frame copy(const std::string& front, const std::string& data) {
        return pool_.copy_with_front(to_bytes(front), to_bytes(data));
    }
    size_t vectors() {
        std::array<iovec, 64> vectors;
        return queue_.gather(vectors);
    }
    /// Writes at most `step` bytes at a time.
    std::string write_all(size_t step = SIZE_MAX) {
        std::string written;
        while (!queue_.empty()) {
            std::array<iovec, 64> vectors;
            size_t count = 0;
            const size_t used = queue_.gather(vectors);
            for (size_t i = 0; i < used; ++i) {
                const size_t size = std::min(vectors[i].iov_len, step - count);
                written.append(static_cast<const char*>(vectors[i].iov_base), size);
                count += size;
            }
            queue_.consume(count);
        }
        return written;
    }

    FramePool pool_;
    ReceiveBuffer buffer_{pool_};
    FrameQueue queue_;
};

TEST_F(Queue, FramesAsTheyCameAreOnePiece) {
    const std::string stream = plain("one") + plain("two") + plain("three");
    push_all(receive(stream, kPlain), kPlain);
    EXPECT_EQ(queue_.frames(), 3u);
    EXPECT_EQ(queue_.bytes(), stream.size());
    EXPECT_EQ(vectors(), 1u);
    EXPECT_EQ(write_all(), stream);
}

TEST_F(Queue, FramesWithVnetHeadersToo) {
    const std::string stream = vnet(kFront, "one") + vnet("", "two") + vnet(kFront, "three");
    push_all(receive(stream, kVnet), kVnet);
    EXPECT_EQ(vectors(), 1u);
    EXPECT_EQ(write_all(), stream);
}

TEST_F(Queue, AGapBeginsAnotherPiece) {
    std::vector<Frame> frames = receive(plain("a") + plain("held") + plain("b") + plain("c"), kPlain);
    queue_.push(std::move(frames[0]), kPlain);
    queue_.push(std::move(frames[2]), kPlain);
    queue_.push(std::move(frames[3]), kPlain);
    EXPECT_EQ(vectors(), 2u);
    queue_.push(std::move(frames[1]), kPlain);
    EXPECT_EQ(vectors(), 3u);
    EXPECT_EQ(write_all(), plain("a") + plain("b") + plain("c") + plain("held"));
}

TEST_F(Queue, APrefixThatIsNotThereIsAdded) {
    queue_.push(copy("copied"), kPlain);
    EXPECT_EQ(vectors(), 2u);
    EXPECT_EQ(write_all(), plain("copied"));
}

struct Conversion {
    const char* what;
    std::string in;
    Framing in_framing;
    Framing out_framing;
    std::string out;
};

TEST_F(Queue, FramingsMayDiffer) {
    const Conversion cases[] = {
        {"a header is left out", vnet(kFront, "abc"), kVnet, kPlain, plain("abc")},
        {"an empty one is", vnet("", "abc"), kVnet, kPlain, plain("abc")},
        {"none is there", plain("abc"), kPlain, kVnet, vnet("", "abc")},
        // The last four bytes of the header look like the prefix.
        {"a header that looks like a prefix", vnet(std::string(8, 'v') + be32(3), "abc"), kVnet,
         kPlain, plain("abc")},
    };
    for (const Conversion& c : cases) {
        push_all(receive(c.in, c.in_framing), c.out_framing);
        EXPECT_EQ(vectors(), 2u) << c.what;
        EXPECT_EQ(write_all(), c.out) << c.what;
    }
}

TEST_F(Queue, WhatIsSharedIsNotWrittenTo) {
    std::vector<Frame> frames = receive(vnet(kFront, "abc"), kVnet);
    const Frame twin = frames[0].share();
    push_all(std::move(frames), kPlain);
    write_all();
    EXPECT_EQ(to_text(twin.front()), kFront);
}

TEST_F(Queue, AnyPartialWriteLeavesTheStreamWhole) {
    const std::string in_place = plain("first") + plain("2") + plain("third");
    const std::string expected = in_place + plain("copied") + plain("x") + plain("late");
    for (size_t step = 1; step <= expected.size(); ++step) {
        push_all(receive(in_place, kPlain), kPlain);
        queue_.push(copy("copied"), kPlain);
        queue_.push(copy(kFront, "x"), kPlain);
        queue_.push(copy("late"), kPlain);
        EXPECT_EQ(write_all(step), expected) << step;
        EXPECT_EQ(queue_.bytes(), 0u);
        EXPECT_EQ(queue_.frames(), 0u);
    }
}

TEST_F(Queue, AddingToAPieceThatIsPartlyWrittenKeepsTheOrder) {
    std::vector<Frame> frames = receive(plain("one") + plain("two"), kPlain);
    queue_.push(std::move(frames[0]), kPlain);
    EXPECT_EQ(queue_.consume(6), 0u);
    queue_.push(std::move(frames[1]), kPlain);
    EXPECT_EQ(vectors(), 1u);
    EXPECT_EQ(write_all(), "e" + plain("two"));
}

TEST_F(Queue, FewVectorsAreEnough) {
    for (int i = 0; i < 10; ++i) queue_.push(copy(std::to_string(i)), kPlain);
    std::array<iovec, 5> vectors;
    EXPECT_EQ(queue_.gather(vectors), 4u);
    std::string expected;
    for (int i = 0; i < 10; ++i) expected += plain(std::to_string(i));
    EXPECT_EQ(write_all(), expected);
}

TEST_F(Queue, HasItsLimits) {
    const Frame hundred = copy(std::string(100, 'x'));
    queue_.set_limits({.bytes = 250, .frames = 3});
    EXPECT_TRUE(queue_.has_room_for(hundred));
    queue_.push(hundred.share(), kPlain);
    EXPECT_TRUE(queue_.has_room_for(hundred));
    queue_.push(hundred.share(), kPlain);
    EXPECT_FALSE(queue_.has_room_for(hundred));
    EXPECT_TRUE(queue_.has_room_for(copy("a")));
    queue_.push(copy("a"), kPlain);
    EXPECT_FALSE(queue_.has_room_for(copy("a")));
    EXPECT_EQ(queue_.consume(104), 1u);
    EXPECT_TRUE(queue_.has_room_for(hundred));
}

TEST_F(Queue, AFrameAloneFitsAlways) {
    queue_.set_limits({.bytes = 1, .frames = 0});
    EXPECT_TRUE(queue_.has_room_for(copy("larger")));
}

TEST_F(Queue, ClearingLetsTheMemoryGo) {
    Frame frame = copy("abc");
    const uint8_t* const where = frame.data();
    queue_.push(std::move(frame), kPlain);
    queue_.consume(2);
    EXPECT_EQ(queue_.clear(), 1u);
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(copy("new").data(), where);
    queue_.push(copy("b"), kPlain);
    EXPECT_EQ(write_all(), plain("b"));
}

}  // namespace
}  // namespace colo
