// SPDX-License-Identifier: GPL-2.0-or-later
// Equal times: input, then the secondary, then the primary; each recording keeps its order.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/replay_merge.h"
#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

using test::CaptureFolder;
using test::kStart;

/// "o5 i7": output after 5 ms, input after 7 ms. The payload is the word itself.
std::vector<test::Record> records_of(const std::string& text) {
    std::vector<test::Record> records;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const Time time = milliseconds(std::stol(word.substr(1)));
        records.push_back({time, word[0] == 'o' ? test::output(word) : test::input(word)});
    }
    return records;
}

class MergeTest : public testing::Test {
  protected:
    MergeTest() {
        std::string error;
        guests_.push_back(GuestAddress::from_text(test::kGuest, error).value());
    }

    /// "Po5@5 ...": side, frame and its time on the shared clock, in the order they come.
    std::string merged(const std::string& primary, const std::string& secondary, bool align) {
        Recording p(folder_.write("p.pcap", records_of(primary)), guests_, pool_);
        Recording s(folder_.write("s.pcap", records_of(secondary)), guests_, pool_);
        ReplayMerge merge(p, s, align);
        std::string text;
        while (const auto next = merge.next()) {
            const Frame& frame = next->recorded.frame;
            text += next->side == Side::kPrimary ? " P" : " S";
            text += test::payload_of(frame.data(), frame.size());
            text += "@" + std::to_string(next->recorded.time / milliseconds(1));
        }
        return text.substr(text.empty() ? 0 : 1);
    }

    CaptureFolder folder_;
    FramePool pool_;
    std::vector<GuestAddress> guests_;
};

TEST_F(MergeTest, FramesComeByTimeThenByKindThenInTheirFilesOrder) {
    static constexpr struct {
        const char* what;
        const char* primary;
        const char* secondary;
        const char* merged;
    } kCases[] = {
        {"nothing", "", "", ""},
        {"one side", "o0 i1", "", "Po0@0 Pi1@1"},
        {"the other", "", "o0 i1", "So0@0 Si1@1"},
        {"by time", "o0 o2", "o1 o3", "Po0@0 So1@1 Po2@2 So3@3"},
        {"equal: secondary before primary", "o0", "o0", "So0@0 Po0@0"},
        {"equal: input before both", "i0", "o0", "Pi0@0 So0@0"},
        {"equal: the three", "i0 o0", "o0", "Pi0@0 So0@0 Po0@0"},
        {"equal: all of the secondary", "o0", "o0 i0 o0", "So0@0 Si0@0 So0@0 Po0@0"},
        {"input does not overtake its own file", "o0 i0", "o0", "So0@0 Po0@0 Pi0@0"},
        {"several inputs", "i0 i0 o0 i0", "i0 o0", "Pi0@0 Pi0@0 Si0@0 So0@0 Po0@0 Pi0@0"},
        {"backwards", "o5 o3 o6", "o4 o5", "So4@0 So5@1 Po5@1 Po3@1 Po6@2"},
        {"the secondary backwards", "o1 o9", "o8 o2", "Po1@0 So8@7 So2@7 Po9@8"},
        {"the clock starts at the earlier", "o70", "o50 o60", "So50@0 So60@10 Po70@20"},
    };
    for (const auto& test : kCases) {
        EXPECT_EQ(merged(test.primary, test.secondary, false), test.merged) << test.what;
    }
}

TEST_F(MergeTest, AlignedRecordingsStartAtTheirOwnFirstFrames) {
    static constexpr struct {
        const char* what;
        const char* primary;
        const char* secondary;
        const char* merged;
    } kCases[] = {
        {"secondary later", "i10 o12", "i90 o91", "Pi10@0 Si90@0 So91@1 Po12@2"},
        {"primary later", "o90 o92", "o10 o11 o12", "So10@0 Po90@0 So11@1 So12@2 Po92@2"},
        {"no primary", "", "o90 o91", "So90@0 So91@1"},
        {"no secondary", "o90 o91", "", "Po90@0 Po91@1"},
        {"backwards", "o90 o80", "o10", "So10@0 Po90@0 Po80@0"},
    };
    for (const auto& test : kCases) {
        EXPECT_EQ(merged(test.primary, test.secondary, true), test.merged) << test.what;
    }
}

TEST_F(MergeTest, DatesAreThePrimarysOwn) {
    for (const bool align : {false, true}) {
        Recording p(folder_.write("p.pcap", records_of("o30")), guests_, pool_);
        Recording s(folder_.write("s.pcap", records_of("o20")), guests_, pool_);
        const ReplayMerge merge(p, s, align);
        const Time first = milliseconds(align ? 0 : 10);
        EXPECT_EQ(merge.primary_date(first), kStart + milliseconds(30)) << align;
    }
}

TEST_F(MergeTest, RecordingsMayBeReadBefore) {
    Recording p(folder_.write("p.pcap", records_of("o30 o40")), guests_, pool_);
    Recording s(folder_.write("s.pcap", records_of("o20")), guests_, pool_);
    ReplayMerge merge(p, s, false);
    while (p.front()) p.take();
    p.rewind();
    std::vector<Time> times;
    while (const auto next = merge.next()) times.push_back(next->recorded.time);
    EXPECT_EQ(times, (std::vector<Time>{Time(0), milliseconds(10), milliseconds(20)}));
}

}  // namespace
}  // namespace colo
