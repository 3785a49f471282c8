// SPDX-License-Identifier: GPL-2.0-or-later
// contracts.md, `colo-proxy replay --json`, field by field.
#include <gtest/gtest.h>

#include "cli/replay_json.h"
#include "monitor/json_value.h"
#include "tests/unit/cli/capture_folder.h"
#include "tests/unit/cli/made_up.h"

namespace colo {
namespace {

using Json = nlohmann::ordered_json;
using test::checkpoint;
using test::flow_of;
using test::FrameBuilder;
using test::udp_output;

std::string text_of(const std::vector<ReplayCheckpoint>& checkpoints, ReplayResult result = {}) {
    ReplayJson json;
    for (const ReplayCheckpoint& each : checkpoints) json.checkpoint(each);
    result.checkpoints = checkpoints.size();
    return test::printed([&](std::FILE* out) { json.print({}, result, out); });
}

/// What is said of one checkpoint.
Json said(const ReplayCheckpoint& one) { return Json::parse(text_of({one}))["checkpoints"].at(0); }

Json flow_said(const FrameBuilder& output) {
    return said(checkpoint(Reason::kTimeout, Time(0), flow_of(output), 0))["flow"];
}

TEST(JsonTest, AnIdenticalResultFieldByField) {
    ReplayResult result;
    result.primary = {11, 7};
    result.secondary = {12, 8};
    result.released = 6;
    result.flow_count = 5;
    result.counters = {{"one", 1}, {"none", 0}, {"large", ~uint64_t{0}}};
    EXPECT_EQ(text_of({}, result),
              "{\"verdict\":\"identical\",\"primary\":{\"frames\":11,\"output\":7,\"released\":6},"
              "\"secondary\":{\"frames\":12,\"output\":8},\"flows\":5,\"checkpoints\":[],"
              "\"counters\":{\"one\":1,\"none\":0,\"large\":18446744073709551615}}\n");
}

TEST(JsonTest, ADivergedResultFieldByField) {
    const Json json = Json::parse(text_of(
        {checkpoint(Reason::kDivergence, milliseconds(21), flow_of(udp_output()), 2),
         checkpoint(Reason::kTimeout, seconds(3), flow_of(udp_output(54)), 0),
         checkpoint(Reason::kTableFull, seconds(4), flow_of(udp_output(55)), std::nullopt),
         checkpoint(Reason::kQueueFull, Time(1), std::nullopt, std::nullopt)}));
    EXPECT_EQ(json["verdict"], "diverged");
    const auto flow = [](const char* guest) {
        return Json{{"proto", "udp"}, {"guest", guest}, {"peer", "10.0.0.1:40000"}};
    };
    EXPECT_EQ(json["checkpoints"],
              Json::array({{{"reason", "divergence"}, {"time", 0.021},
                            {"flow", flow("10.0.0.2:53")}, {"offset", 2}},
                           {{"reason", "timeout"}, {"time", 3.0},
                            {"flow", flow("10.0.0.2:54")}, {"offset", 0}},
                           {{"reason", "table-full"}, {"time", 4.0},
                            {"flow", flow("10.0.0.2:55")}, {"offset", nullptr}},
                           {{"reason", "queue-full"}, {"time", 1e-9},
                            {"flow", nullptr}, {"offset", nullptr}}}));
}

TEST(JsonTest, MembersOfACheckpointAreTheContractsAlone) {
    const Json json = said(checkpoint(Reason::kDivergence, Time(0), flow_of(udp_output()), 2));
    std::vector<std::string> names;
    for (const auto& member : json.items()) names.push_back(member.key());
    EXPECT_EQ(names, (std::vector<std::string>{"reason", "time", "flow", "offset"}));
}

TEST(JsonTest, AddressesOfEveryKindOfFlow) {
    const auto four = [] { return FrameBuilder().ipv4("10.0.0.2", "10.0.0.1"); };
    const auto six = [] { return FrameBuilder().ipv6("2001:db8::2", "2001:db8::1"); };
    const struct {
        FrameBuilder output;
        const char* proto;
        const char* guest;
        const char* peer;
    } kCases[] = {
        {four().tcp(80, 40000), "tcp", "10.0.0.2:80", "10.0.0.1:40000"},
        {four().udp(53, 40000), "udp", "10.0.0.2:53", "10.0.0.1:40000"},
        {four().echo(0, 7, 1), "icmp", "10.0.0.2", "10.0.0.1"},
        {four().protocol(47), "ip-47", "10.0.0.2", "10.0.0.1"},
        {six().tcp(80, 40000), "tcp", "[2001:db8::2]:80", "[2001:db8::1]:40000"},
        {six().udp(53, 40000), "udp", "[2001:db8::2]:53", "[2001:db8::1]:40000"},
        {six().echo(129, 7, 1), "icmpv6", "2001:db8::2", "2001:db8::1"},
        {six().protocol(132), "ip-132", "2001:db8::2", "2001:db8::1"},
    };
    for (const auto& [output, proto, guest, peer] : kCases) {
        EXPECT_EQ(flow_said(output), (Json{{"proto", proto}, {"guest", guest}, {"peer", peer}}));
    }
}

TEST(JsonTest, FramesThatAreNotIpHaveNoFlow) {
    EXPECT_EQ(flow_said(FrameBuilder().ethernet(0x88b5).payload("x")), nullptr);
}

TEST(JsonTest, VlanWhenTagged) {
    EXPECT_FALSE(flow_said(udp_output()).contains("vlan"));
    EXPECT_EQ(flow_said(udp_output().vlan(100))["vlan"], 100);
    EXPECT_FALSE(flow_said(udp_output().vlan(100)).contains("inner-vlan"));
    EXPECT_FALSE(flow_said(udp_output().vlan(0, 5)).contains("vlan"));  // a priority
    const Json both = flow_said(udp_output().qinq(7, 8));
    EXPECT_EQ(both["vlan"], 7);
    EXPECT_EQ(both["inner-vlan"], 8);
}

TEST(JsonTest, OffsetsKeepAllTheirBits) {
    const uint64_t far = (uint64_t{1} << 53) + 1;
    EXPECT_EQ(said(checkpoint(Reason::kDivergence, Time(0), {}, far))["offset"], far);
}

TEST(JsonTest, AnyNumberOfCheckpointsIsOneObjectOnOneLine) {
    std::vector<ReplayCheckpoint> many;
    for (int i = 0; i < 5000; ++i) {
        many.push_back(checkpoint(Reason::kDivergence, seconds(i), flow_of(udp_output()),
                                  static_cast<uint64_t>(i)));
    }
    const std::string text = text_of(many);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    const Json json = Json::parse(text);
    ASSERT_EQ(json["checkpoints"].size(), many.size());
    for (size_t i = 0; i < many.size(); ++i) {
        ASSERT_EQ(json["checkpoints"][i]["offset"], i);
    }
}

}  // namespace
}  // namespace colo
