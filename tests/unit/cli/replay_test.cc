// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filter/capture_reader.h"
#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

using test::CaptureFolder;
using test::input;
using test::output;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Records = std::vector<test::Record>;

class ReplayTest : public testing::Test {
  protected:
    ReplayTest() {
        std::string error;
        options_.guests.push_back(GuestAddress::from_text(test::kGuest, error).value());
    }

    ReplayResult replay_files(const std::string& primary, const std::string& secondary) {
        options_.primary = primary;
        options_.secondary = secondary;
        checkpoints_.clear();
        return replay(options_, [this](const ReplayCheckpoint& checkpoint) {
            checkpoints_.push_back(checkpoint);
        });
    }
    ReplayResult replay_records(const Records& primary, const Records& secondary) {
        return replay_files(folder_.write("p.pcap", primary), folder_.write("s.pcap", secondary));
    }

    CaptureFolder folder_;
    ReplayOptions options_;
    std::vector<ReplayCheckpoint> checkpoints_;
};

TEST_F(ReplayTest, CountsFramesOfBothSides) {
    const ReplayResult result = replay_records(
        {{Time(0), input("?")}, {Time(1), output("a")}, {Time(2), output("b")}},
        {{Time(0), input("?")}, {Time(0), input("?")}, {Time(1), output("a")},
         {Time(2), output("b")}, {Time(3), output("surplus")}});
    EXPECT_TRUE(result.identical());
    EXPECT_EQ(result.primary.frames, 3u);
    EXPECT_EQ(result.primary.output, 2u);
    EXPECT_EQ(result.secondary.frames, 5u);
    EXPECT_EQ(result.secondary.output, 3u);
    EXPECT_EQ(result.released, 2u);
    EXPECT_EQ(result.flow_count, 1u);
    EXPECT_TRUE(result.warnings.empty());
}

TEST_F(ReplayTest, TellsEachCheckpointWhenItHappens) {
    const Records primary = {{seconds(1), output("same p")}, {seconds(2), output("pq")}};
    const Records secondary = {{seconds(1), output("same s")}, {seconds(2), output("pQ")}};
    const ReplayResult result = replay_records(primary, secondary);
    EXPECT_FALSE(result.identical());
    EXPECT_EQ(result.checkpoints, 2u);
    ASSERT_EQ(checkpoints_.size(), 2u);
    EXPECT_EQ(checkpoints_[0].at, milliseconds(20));
    EXPECT_EQ(checkpoints_[1].at, milliseconds(1020));
    EXPECT_EQ(checkpoints_[0].request.offset, 5u);
    EXPECT_EQ(checkpoints_[1].request.offset, 1u);
    EXPECT_TRUE(checkpoints_[1].request.evidence);
}

TEST_F(ReplayTest, WhatTheListenerThrowsEndsTheReplay) {
    options_.primary = folder_.write("p.pcap", {{Time(0), output("a")}});
    options_.secondary = folder_.write("s.pcap", {});
    const auto refuse = [](const ReplayCheckpoint&) { throw std::runtime_error("full"); };
    EXPECT_THROW(replay(options_, refuse), std::runtime_error);
}

TEST_F(ReplayTest, OnlySoManyFlowsAreListed) {
    Records frames;
    constexpr uint16_t kMore = 12;
    for (uint16_t i = 0; i < ReplayResult::kListedFlows + kMore; ++i) {
        frames.push_back({Time(i), output("x", static_cast<uint16_t>(i + 1))});
    }
    const ReplayResult result = replay_records(frames, frames);
    EXPECT_EQ(result.flow_count, frames.size());
    EXPECT_EQ(result.flows.size(), ReplayResult::kListedFlows);
    EXPECT_EQ(result.flows_not_listed, kMore);
    EXPECT_EQ(replay_records({}, {}).flows_not_listed, 0u);
}

TEST_F(ReplayTest, ReleasedFramesHaveTheDateOfTheirRelease) {
    options_.released = folder_.path("out.pcap");
    options_.comparator.compare_timeout = milliseconds(40);
    replay_records({{milliseconds(5), output("lonely")}, {milliseconds(6), output("twin", 54)}},
                   {{milliseconds(9), output("twin", 54)}});
    EXPECT_THAT(test::payloads_in(*options_.released), ElementsAre("twin", "lonely"));
    CaptureReader reader(*options_.released);
    EXPECT_EQ(reader.next()->time, test::kStart + milliseconds(9));
    EXPECT_EQ(reader.next()->time, test::kStart + milliseconds(45));
}

TEST_F(ReplayTest, AlignedRecordingsMeetWhereverTheyWereMade) {
    const Records early = {{Time(0), output("a")}, {milliseconds(1), output("b")}};
    const Records late = {{seconds(60), output("a")}, {seconds(60) + milliseconds(1), output("b")}};
    EXPECT_FALSE(replay_records(early, late).identical());
    options_.align = true;
    EXPECT_TRUE(replay_records(early, late).identical());
    EXPECT_TRUE(replay_records(late, early).identical());
}

TEST_F(ReplayTest, ACutRecordingIsUsedWithAWarning) {
    const Records records = {{Time(0), output("a")}, {Time(1), output("b")}};
    const std::string whole = folder_.write("whole.pcap", records);
    const std::string cut = folder_.write_cut("cut.pcap", records, 1);
    const ReplayResult of_secondary = replay_files(folder_.write_cut("p.pcap", records, 3), cut);
    EXPECT_TRUE(of_secondary.identical());
    EXPECT_EQ(of_secondary.primary.frames, 1u);
    EXPECT_EQ(of_secondary.secondary.frames, 1u);
    EXPECT_THAT(of_secondary.warnings, ElementsAre(StartsWith(folder_.path("p.pcap") + ": offset "),
                                                   StartsWith(cut + ": offset ")));
    const ReplayResult of_primary = replay_files(cut, whole);
    EXPECT_TRUE(of_primary.identical());  // the secondary's last is surplus
    EXPECT_THAT(of_primary.warnings, ElementsAre(HasSubstr("cut.pcap")));
    EXPECT_FALSE(replay_files(whole, cut).identical());  // the primary's last lacks its partner
}

TEST_F(ReplayTest, ARecordingThatCannotBeReadOverwritesNothing) {
    const std::string good = folder_.write("good.pcap", {{Time(0), output("a")}});
    std::string lie(16, '\0');
    lie[8] = lie[9] = lie[10] = lie[11] = '\x7f';  // captured bytes of the second record
    const std::string bad = folder_.write("bad.pcap", {{Time(0), output("a")}});
    std::FILE* file = std::fopen(bad.c_str(), "ab");
    std::fwrite((lie + std::string(1000, 'x')).data(), 1, lie.size() + 1000, file);
    std::fclose(file);
    options_.released = folder_.write("out.pcap", {{Time(0), output("earlier")}});
    for (const bool first : {true, false}) {
        EXPECT_THROW(first ? replay_files(bad, good) : replay_files(good, bad), CaptureError);
        EXPECT_THAT(test::payloads_in(*options_.released), ElementsAre("earlier"));
    }
}

}  // namespace
}  // namespace colo
