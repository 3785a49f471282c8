// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recording.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::CaptureFolder;
using test::FrameBuilder;
using test::input;
using test::kStart;
using test::output;

std::vector<GuestAddress> guests(const std::vector<std::string>& texts) {
    std::vector<GuestAddress> list;
    for (const std::string& text : texts) {
        std::string error;
        list.push_back(GuestAddress::from_text(text, error).value());
    }
    return list;
}

class RecordingTest : public testing::Test {
  protected:
    /// One letter a frame: o for output, i for input.
    std::string classes(const std::string& path, const std::vector<std::string>& of_guests) {
        const auto list = guests(of_guests);
        Recording recording(path, list, pool_);
        std::string letters;
        while (recording.front()) letters += recording.take().output ? 'o' : 'i';
        return letters;
    }
    std::vector<Time> times(Recording& recording) {
        std::vector<Time> list;
        while (recording.front()) list.push_back(recording.take().time - kStart);
        return list;
    }

    CaptureFolder folder_;
    FramePool pool_;
    const std::vector<GuestAddress> anybody_{};
};

TEST_F(RecordingTest, FramesFromAGuestAreOutput) {
    const ByteVector six =
        FrameBuilder().ipv6("2001:db8::2", "2001:db8::1").udp(53, 40000).payload("x").build();
    const ByteVector arp = FrameBuilder().arp(1, test::kGuest, test::kPeer).build();
    const ByteVector lldp = FrameBuilder().ethernet(ether_type::kLldp).payload("x").build();
    const std::string path = folder_.write("a.pcap", {{Time(0), output("x")},
                                                      {Time(1), input("x")},
                                                      {Time(2), six},
                                                      {Time(3), arp},
                                                      {Time(4), lldp},
                                                      {Time(5), ByteVector(5)}});
    static const struct {
        std::vector<std::string> guests;
        const char* classes;
    } kCases[] = {
        {{}, "oooooo"},
        {{"52:54:00:12:34:56"}, "oioooi"},
        {{"10.0.0.2"}, "oiioii"},
        {{"10.0.0.1"}, "ioiiii"},
        {{"2001:db8::2"}, "iioiii"},
        {{"10.0.0.2", "2001:db8::2"}, "oiooii"},
        {{"10.0.0.2", "10.0.0.1"}, "ooioii"},
        {{"192.0.2.1"}, "iiiiii"},
    };
    for (const auto& [of_guests, expected] : kCases) {
        EXPECT_EQ(classes(path, of_guests), expected) << testing::PrintToString(of_guests);
    }
}

TEST_F(RecordingTest, TheViewIsOfTheFrameItComesWith) {
    const std::string path =
        folder_.write("a.pcap", {{Time(0), output("first")}, {Time(1), output("second", 54)}});
    Recording recording(path, anybody_, pool_);
    const RecordedFrame first = recording.take();
    const RecordedFrame second = recording.take();
    EXPECT_EQ(first.view.data, first.frame.data());
    EXPECT_EQ(second.view.data, second.frame.data());
    EXPECT_EQ(first.view.source_port, 53);
    EXPECT_EQ(second.view.source_port, 54);
    EXPECT_EQ(second.view.payload_size, 6u);
}

TEST_F(RecordingTest, TimeNeverRunsBackwards) {
    const std::string path = folder_.write(
        "a.pcap", {{milliseconds(5), output("a")}, {milliseconds(2), output("b")},
                   {milliseconds(4), output("c")}, {milliseconds(9), output("d")}});
    Recording recording(path, anybody_, pool_);
    const std::vector<Time> expected = {milliseconds(5), milliseconds(5), milliseconds(5),
                                        milliseconds(9)};
    EXPECT_EQ(times(recording), expected);
    recording.rewind();
    EXPECT_EQ(times(recording), expected);
}

TEST_F(RecordingTest, RewindBeginsAgainFromAnywhere) {
    const std::string path =
        folder_.write("a.pcap", {{Time(0), output("a")}, {Time(1), output("b")}});
    Recording recording(path, anybody_, pool_);
    recording.take();
    recording.rewind();
    EXPECT_EQ(times(recording), (std::vector<Time>{Time(0), Time(1)}));
}

TEST_F(RecordingTest, ACutRecordingGivesWhatPrecedesTheCut) {
    const std::vector<test::Record> records = {{Time(0), output("a")}, {Time(1), output("b")}};
    const size_t last_record = 16 + records[1].bytes.size();
    for (size_t lost = 0; lost <= last_record; ++lost) {
        const std::string path = folder_.write_cut("cut.pcap", records, lost);
        Recording recording(path, anybody_, pool_);
        for (int pass = 0; pass < 2; ++pass) {
            EXPECT_EQ(times(recording).size(), lost == 0 ? 2u : 1u) << lost;
            const bool whole = lost == 0 || lost == last_record;
            EXPECT_EQ(recording.truncated().empty(), whole) << lost;
            if (!whole) {
                EXPECT_EQ(recording.truncated().find(path + ": offset "), 0u);
            }
            recording.rewind();
        }
    }
}

TEST_F(RecordingTest, NothingRecordedIsAnEnd) {
    Recording recording(folder_.write("a.pcap", {}), anybody_, pool_);
    EXPECT_FALSE(recording.front());
    EXPECT_TRUE(recording.truncated().empty());
}

TEST_F(RecordingTest, WhatIsNoCaptureIsRefusedByNameAndOffset) {
    const std::string path = folder_.write_text("garbage.pcap", std::string(100, 'x'));
    try {
        Recording recording(path, anybody_, pool_);
        FAIL() << "used";
    } catch (const CaptureError& error) {
        EXPECT_EQ(std::string(error.what()).find(path + ": offset 0"), 0u) << error.what();
    }
}

}  // namespace
}  // namespace colo
