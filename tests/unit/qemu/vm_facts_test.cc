// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "qemu/vm_facts.h"

#include <gtest/gtest.h>

#include <string>

#include "monitor/json.h"

namespace colo {
namespace {

VmFacts some_facts() {
    VmFacts facts;
    facts.version = {7, 2, 22};
    facts.machine = "pc-i440fx-7.2-machine";
    facts.cpu = "qemu64-x86_64-cpu";
    facts.cpus = 2;
    facts.ram = uint64_t{131064} << 10;
    facts.kvm = true;
    facts.uuid = "d1a5c3f0-0000-4000-8000-000000000001";
    facts.status = "running";
    facts.colo_mode = "none";
    facts.migration = "completed";
    facts.has_colo = true;
    facts.has_yank = true;
    facts.devices = {"VGA", "virtio-net-pci 52:54:00:12:34:56"};
    facts.disks = {"ide0-hd0 (\"qcow2\\)"};
    return facts;
}

std::string why_refused(const std::string& text) {
    const auto decoded = decode_vm_facts(text);
    return std::holds_alternative<std::string>(decoded) ? std::get<std::string>(decoded) : "";
}

TEST(VmFacts, ComeBackAsTheyWereEncoded) {
    const auto decoded = decode_vm_facts(encode(some_facts()));
    ASSERT_TRUE(std::holds_alternative<VmFacts>(decoded)) << std::get<std::string>(decoded);
    EXPECT_EQ(std::get<VmFacts>(decoded), some_facts());
}

TEST(VmFacts, TheLargestThereAreFit) {
    VmFacts facts = some_facts();
    const std::string longest(kLongestFact, '"');
    facts.machine = facts.cpu = facts.uuid = facts.status = facts.colo_mode = facts.migration =
        longest;
    facts.devices.assign(kMostFacts, longest);
    facts.disks = facts.devices;
    EXPECT_LE(encode(facts).size(), kLongestFacts);
    EXPECT_EQ(std::get<VmFacts>(decode_vm_facts(encode(facts))), facts);
}

TEST(VmFacts, WhatNobodyKnowsIsSkipped) {
    Json json = Json::parse(encode(some_facts()));
    json["of-a-later-version"] = {1, 2, 3};
    EXPECT_EQ(why_refused(to_line(json)), "");
}

TEST(VmFacts, NoneMayBeMissing) {
    const Json whole = Json::parse(encode(some_facts()));
    for (const auto& item : whole.items()) {
        Json json = whole;
        json.erase(item.key());
        EXPECT_EQ(why_refused(to_line(json)), "\"" + item.key() + "\" is missing");
    }
}

struct Hostile {
    const char* name;
    const char* member;
    Json value;
    const char* why;
};

class HostileFacts : public testing::TestWithParam<Hostile> {};

TEST_P(HostileFacts, AreRefused) {
    Json json = Json::parse(encode(some_facts()));
    json[GetParam().member] = GetParam().value;
    EXPECT_EQ(why_refused(to_line(json)),
              "\"" + std::string(GetParam().member) + "\" " + GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileFacts,
    testing::Values(Hostile{"NegativeRam", "ram", -1, "is no number in its range"},
                    Hostile{"FractionalRam", "ram", 1.5, "is no number in its range"},
                    Hostile{"RamAsText", "ram", "1", "is no number in its range"},
                    Hostile{"TooManyCpus", "cpus", uint64_t{1} << 32, "is no number in its range"},
                    Hostile{"NumberAsText", "machine", 7, "is no short text"},
                    Hostile{"LongText", "machine", std::string(kLongestFact + 1, 'a'),
                            "is no short text"},
                    Hostile{"TerminalEscape", "status", "\x1b[2J", "is no short text"},
                    Hostile{"NoAscii", "status", "\xc3\xa9", "is no short text"},
                    Hostile{"NoList", "disks", "sda", "is no short list of short texts"},
                    Hostile{"LongList", "disks", std::vector<std::string>(kMostFacts + 1, "a"),
                            "is no short list of short texts"},
                    Hostile{"ListOfNumbers", "devices", {1, 2}, "is no short list of short texts"},
                    Hostile{"LongTextInList",
                            "devices",
                            {std::string(kLongestFact + 1, 'a')},
                            "is no short list of short texts"},
                    Hostile{"NumberAsFlag", "kvm", 1, "is neither true nor false"}),
    [](const auto& info) { return info.param.name; });

TEST(VmFacts, WhatIsNoJsonObjectIsRefused) {
    EXPECT_NE(why_refused(""), "");
    EXPECT_NE(why_refused("{"), "");
    EXPECT_EQ(why_refused("[1]"), "they are no JSON object: [1]");
    EXPECT_NE(why_refused(std::string(1000, '[')), "");
    EXPECT_EQ(why_refused(std::string(kLongestFacts + 1, ' ')),
              "they are longer than a VM's facts can be");
}

}  // namespace
}  // namespace colo
