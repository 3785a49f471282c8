// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/blocking_stream.h"

#include <gtest/gtest.h>

#include "link/stream_service.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

class BlockingStreamTest : public ConnectionTest {
  protected:
    BlockingStreamTest() {
        join();
        server_.user.on_offer = [this](std::unique_ptr<Stream> stream) { offered(std::move(stream)); };
    }
    BlockingStream open(const char* service) { return {loop_, client_.session().open(service)}; }
    void offered(std::unique_ptr<Stream> stream) {
        if (stream->service() == "echo") {
            service_ = std::make_unique<EchoService>(std::move(stream), [](const LinkStatus&) {});
        } else if (stream->service() == "keep") {
            kept_ = std::move(stream);
        } else {
            stream->abort({LinkCode::kNoService, "there is none"});
        }
    }

    std::unique_ptr<StreamService> service_;
    std::unique_ptr<Stream> kept_;
    const std::vector<uint8_t> much_ = std::vector<uint8_t>(StreamLimits().window + 1, 'x');
    std::array<uint8_t, 16> into_{};
};

TEST_F(BlockingStreamTest, WritesReadsAndEnds) {
    BlockingStream stream = open("echo");
    EXPECT_TRUE(stream.write(as_bytes("question")));
    EXPECT_EQ(stream.read(into_), 8u);
    EXPECT_EQ(as_text(Bytes(into_).first(8)), "question");
    stream.finish();
    EXPECT_EQ(stream.read(into_), 0u);
    EXPECT_TRUE(stream.close().ok());
    EXPECT_TRUE(stream.is_over());
}

TEST_F(BlockingStreamTest, ReadingIsForWhatThereIsAndWaitsForTheFirstByte) {
    BlockingStream stream = open("echo");
    stream.write(as_bytes("ab"));
    EXPECT_EQ(stream.read(MutableBytes(into_).first(1)), 1u);
    EXPECT_EQ(into_[0], 'a');
    EXPECT_EQ(stream.read(into_), 1u);
    EXPECT_EQ(into_[0], 'b');
}

TEST_F(BlockingStreamTest, WritingWaitsUntilThePeerHasRead) {
    BlockingStream stream = open("keep");
    uint64_t read_by_then = 0;
    Timer reads(loop_, [&] {
        if (kept_) kept_->consume(kept_->peek().size());
        read_by_then = kept_ ? kept_->bytes_in() : 0;
        reads.set(loop_.now() + milliseconds(1));
    });
    reads.set(loop_.now());
    EXPECT_TRUE(stream.write(much_));
    EXPECT_GT(read_by_then, 0u);
}

TEST_F(BlockingStreamTest, ClosingWaitsForThePeersEndAndThrowsTheRestAway) {
    BlockingStream stream = open("keep");
    until([&] { return kept_ != nullptr; });
    EXPECT_EQ(kept_->write(as_bytes("nobody reads this")), 17u);
    bool has_finished = false;
    Timer finishes(loop_, [&] {
        has_finished = true;
        kept_->finish();
    });
    finishes.set(loop_.now() + milliseconds(1));
    EXPECT_TRUE(stream.close().ok());
    EXPECT_TRUE(has_finished);
}

TEST_F(BlockingStreamTest, TheOtherEndsAbortEndsWhatWaits) {
    const std::pair<const char*, std::function<void(BlockingStream&)>> cases[] = {
        {"write", [&](BlockingStream& stream) { EXPECT_FALSE(stream.write(much_)); }},
        {"read", [&](BlockingStream& stream) { EXPECT_EQ(stream.read(into_), 0u); }},
        {"close", [](BlockingStream& stream) { EXPECT_FALSE(stream.close().ok()); }},
    };
    for (const auto& [name, waits] : cases) {
        BlockingStream stream = open("keep");
        Timer aborts(loop_, [&] { kept_->abort({LinkCode::kFailed, "the disk is full"}); });
        until([&] { return kept_ && !kept_->is_over(); });
        aborts.set(loop_.now() + milliseconds(1));
        waits(stream);
        EXPECT_EQ(stream.status().text, "server: the disk is full") << name;
        EXPECT_FALSE(stream.write(as_bytes("x"))) << name;
    }
}

TEST_F(BlockingStreamTest, OnesOwnAbortFromTheLoopEndsWhatWaits) {
    BlockingStream stream = open("keep");
    Timer cancels(loop_, [&] { stream.abort({LinkCode::kCancelled, "a signal"}); });
    cancels.set(loop_.now() + milliseconds(1));
    EXPECT_EQ(stream.read(into_), 0u);
    EXPECT_EQ(stream.status().code, LinkCode::kCancelled);
}

TEST_F(BlockingStreamTest, TheEndOfTheLinkEndsWhatWaits) {
    BlockingStream stream = open("keep");
    Timer leaves(loop_, [&] { server_.session().close({LinkCode::kGoodbye, "gone"}); });
    leaves.set(loop_.now() + milliseconds(1));
    EXPECT_EQ(stream.read(into_), 0u);
    EXPECT_EQ(stream.close().code, LinkCode::kLinkLost);
}

TEST_F(BlockingStreamTest, AServiceThatIsNotThereIsTheStatus) {
    BlockingStream stream = open("none");
    EXPECT_EQ(stream.close().code, LinkCode::kNoService);
}

}  // namespace
}  // namespace colo
