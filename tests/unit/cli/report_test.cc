// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/replay_report.h"
#include "tests/unit/cli/capture_folder.h"
#include "tests/unit/cli/made_up.h"

namespace colo {
namespace {

using test::checkpoint;
using test::flow_of;
using test::FrameBuilder;
using test::to_bytes;
using test::udp_output;
using testing::HasSubstr;
using testing::Not;

struct Given {
    ReplayOptions options;
    ReplayResult result;
    std::vector<ReplayCheckpoint> checkpoints;
    bool colour = false;
};

std::string text_of(Given given) {
    ReplayReport report(given.colour);
    for (const ReplayCheckpoint& each : given.checkpoints) report.checkpoint(each);
    given.result.checkpoints = given.checkpoints.size();
    return test::printed(
        [&](std::FILE* out) { report.print(given.options, given.result, out); });
}

ReplayCheckpoint divergence(const std::string& primary, const std::string& secondary,
                            uint64_t begin = 0) {
    ReplayCheckpoint made = checkpoint(Reason::kDivergence, milliseconds(21),
                                       flow_of(udp_output()), begin);
    Evidence evidence;
    evidence.what = "payload";
    evidence.begin = begin;
    evidence.primary = to_bytes(primary);
    evidence.secondary = to_bytes(secondary);
    made.request.evidence = evidence;
    return made;
}

size_t count(const std::string& text, const std::string& part) {
    size_t times = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++times;
    return times;
}

FlowStatus status_of(const FlowKey& key, Phase phase = Phase::kDatagram, uint64_t verified = 0) {
    return {.key = key, .phase = phase, .verified = verified};
}

TEST(ReportTest, SaysWhatWasReadAndTheVerdict) {
    Given given;
    given.options.primary = "p.pcap";
    given.options.secondary = "s.pcap";
    given.result.primary = {11, 7};
    given.result.secondary = {12, 8};
    given.result.released = 6;
    given.result.flow_count = 5;
    given.result.duration = milliseconds(1500);
    given.result.hold_p50 = microseconds(1);
    given.result.hold_p99 = milliseconds(2);
    given.result.hold_max = seconds(3);
    given.result.counters = {{"seen", 4}, {"unseen", 0}};
    EXPECT_EQ(text_of(given),
              "primary    p.pcap\n"
              "secondary  s.pcap\n"
              "verdict    identical\n"
              "\n"
              "  11 frames of the primary, 7 output, 6 released\n"
              "  12 frames of the secondary, 8 output\n"
              "  5 flows in 1.500 s; output held p50 0.001 ms, p99 2.000 ms, longest 3000.000 ms\n"
              "\n"
              "Flows tracked at the end\n"
              "  proto   guest                        peer                         state        "
              "    verified checkpoints\n"
              "\n"
              "Counters that are not 0\n"
              "  seen                       4\n");
}

TEST(ReportTest, BothSidesBytesAreSideBySide) {
    Given given;
    given.checkpoints = {divergence("GET / one\r\n", "GET / two", 4096)};
    EXPECT_THAT(text_of(given), HasSubstr("verdict    diverged: 1 checkpoint(s) needed\n"));
    EXPECT_THAT(
        text_of(given),
        HasSubstr(
            "Checkpoints: divergence 1\n"
            "      0.021000 s  divergence  udp 10.0.0.2:53 -> 10.0.0.1:40000, byte 4096: payload\n"
            "        offset  primary                             secondary\n"
            "          4096  47 45 54 20 2f 20 6f 6e  GET / on | 47 45 54 20 2f 20 74 77  GET / tw\n"
            "          4104  65 0d 0a -- -- -- -- --  e..      | 6f -- -- -- -- -- -- --  o       "
            "\n\n"));
}

TEST(ReportTest, RowsThatAgreeAreNotMarked) {
    Given given;
    given.checkpoints = {divergence("samesameX", "samesameY")};
    EXPECT_THAT(text_of(given), HasSubstr("samesame   73 61 6d 65"));
    EXPECT_THAT(text_of(given), HasSubstr("X        | 59"));
}

TEST(ReportTest, WhatBytesCannotShowIsSaid) {
    Given given;
    given.checkpoints = {divergence("", "")};
    given.checkpoints[0].request.evidence->what = "SYN options";
    given.checkpoints[0].request.evidence->detail = "MSS 1460 against 1400";
    EXPECT_THAT(text_of(given), HasSubstr(": SYN options\n    MSS 1460 against 1400\n"));
    EXPECT_THAT(text_of(given), Not(HasSubstr("offset")));
}

TEST(ReportTest, ColoursOnlyWhenAsked) {
    Given given;
    given.checkpoints = {divergence("ab", "ac")};
    EXPECT_THAT(text_of(given), Not(HasSubstr("\033")));
    given.colour = true;
    const std::string text = text_of(given);
    EXPECT_THAT(text, HasSubstr(" 61 \033[31m62\033[0m"));
    EXPECT_THAT(text, HasSubstr(" 61 \033[31m63\033[0m"));
    EXPECT_EQ(count(text, "\033[31m") + count(text, "\033[1m"), count(text, "\033[0m"));
}

TEST(ReportTest, OnlyTheFirstCheckpointsAreShown) {
    constexpr size_t kMany = 100'000;
    Given given;
    given.checkpoints.assign(kMany, divergence("ab", "ac"));
    given.checkpoints.resize(kMany + 7, checkpoint(Reason::kTimeout, Time(0), {}, {}));
    const std::string text = text_of(given);
    EXPECT_THAT(text, HasSubstr("diverged: 100007 checkpoint(s)"));
    EXPECT_THAT(text, HasSubstr("Checkpoints: divergence 100000, timeout 7\n"));
    EXPECT_EQ(count(text, ": payload\n"), ReplayReport::kShownCheckpoints);
    EXPECT_EQ(count(text, "primary    "), 1 + ReplayReport::kShownDivergences);
    EXPECT_THAT(text, HasSubstr("  ... and 99987 more\n"));
    EXPECT_LT(text.size(), 4096u);
}

TEST(ReportTest, FlowsHaveStateVerifiedBytesAndTheirCheckpoints) {
    Given given;
    const FlowKey tcp = flow_of(FrameBuilder().ipv4("10.0.0.2", "10.0.0.1").tcp(80, 40000));
    const FlowKey calm = flow_of(udp_output(54).vlan(7));
    given.checkpoints = {checkpoint(Reason::kTimeout, Time(0), tcp, 1),
                         checkpoint(Reason::kTimeout, Time(0), tcp, 2)};
    given.result.flows = {status_of(tcp, Phase::kClosing, 12345), status_of(calm)};
    given.result.flows_not_listed = 9;
    EXPECT_THAT(text_of(given),
                HasSubstr("  tcp     10.0.0.2:80                  10.0.0.1:40000               "
                          "closing             12345 2\n"
                          "  udp     10.0.0.2:54                  10.0.0.1:40000               "
                          "-                       - - vlan 7\n"
                          "  ... and 9 more\n"));
}

TEST(ReportTest, StatesHaveNames) {
    const FlowKey key = flow_of(udp_output());
    static constexpr struct {
        Phase phase;
        bool unprotected;
        const char* name;
    } kCases[] = {{Phase::kHalfOpen, false, " half-open "},
                  {Phase::kEstablished, false, " established "},
                  {Phase::kClosing, false, " closing "},
                  {Phase::kEstablished, true, " unprotected "}};
    for (const auto& [phase, unprotected, name] : kCases) {
        Given given;
        given.result.flows = {status_of(key, phase)};
        given.result.flows[0].unprotected = unprotected;
        EXPECT_THAT(text_of(given), HasSubstr(name));
    }
}

TEST(ReportTest, CheckpointsAreCountedForSoManyFlows) {
    Given given;
    const FlowKey late = flow_of(udp_output(65535));
    for (size_t i = 0; i < ReplayReport::kCountedFlows; ++i) {
        given.checkpoints.push_back(checkpoint(
            Reason::kTimeout, Time(0), flow_of(udp_output(static_cast<uint16_t>(i + 1))), 0));
    }
    given.checkpoints.push_back(given.checkpoints[0]);
    given.checkpoints.push_back(checkpoint(Reason::kTimeout, Time(0), late, 0));
    given.result.flows = {status_of(flow_of(udp_output(1))), status_of(late)};
    EXPECT_THAT(text_of(given), HasSubstr(" - 2\n"));
    EXPECT_THAT(text_of(given), HasSubstr(" - ?\n"));
}

TEST(ReportTest, LongNamesAreKeptWhole) {
    Given given;
    given.options.primary = std::string(4000, 'p') + ".pcap";
    EXPECT_THAT(text_of(given), HasSubstr("primary    " + given.options.primary + "\n"));
}

}  // namespace
}  // namespace colo
