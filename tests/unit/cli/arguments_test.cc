// SPDX-License-Identifier: GPL-2.0-or-later
// contracts.md, `colo-proxy replay`: the command line.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/replay_arguments.h"
#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

using test::CaptureFolder;
using Words = std::vector<std::string>;

ReplayArguments parse(Words words) {
    words.insert(words.begin(), "replay");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return parse_replay_arguments(static_cast<int>(words.size()), argv.data());
}

ReplayArguments parse_with_pair(const Words& words) {
    Words all = {"--primary", "p.pcap", "--secondary", "s.pcap"};
    all.insert(all.end(), words.begin(), words.end());
    return parse(all);
}

/// The message, or "-" when nothing is wrong.
std::string refusal_of(const Words& words, bool with_pair = true) {
    try {
        with_pair ? parse_with_pair(words) : parse(words);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "-";
}

TEST(ArgumentsTest, DefaultsAreThoseOfTheContract) {
    const ReplayArguments arguments = parse_with_pair({});
    const ReplayOptions& options = arguments.options;
    EXPECT_EQ(options.primary, "p.pcap");
    EXPECT_EQ(options.secondary, "s.pcap");
    EXPECT_TRUE(options.guests.empty());
    EXPECT_FALSE(options.released);
    EXPECT_FALSE(options.align);
    EXPECT_FALSE(arguments.json);
    EXPECT_EQ(options.comparator.compare_timeout, milliseconds(3000));
    EXPECT_EQ(options.comparator.max_connections, 1'000'000u);
    EXPECT_EQ(options.comparator.max_queue_bytes, 64u << 20);
    EXPECT_TRUE(options.comparator.both_directions);
}

TEST(ArgumentsTest, EveryOptionIsTaken) {
    const ReplayArguments arguments = parse(
        {"--json", "--secondary=-", "--guest", "52:54:00:00:00:02", "--guest=10.0.0.2", "--guest",
         "2001:DB8::2", "--align", "--primary", "p", "--released", "out", "--compare-timeout=250",
         "--max-connections", "7", "--max-queue-bytes=12345678901"});
    const ReplayOptions& options = arguments.options;
    EXPECT_EQ(options.primary, "p");
    EXPECT_EQ(options.secondary, "-");
    EXPECT_EQ(options.released, "out");
    EXPECT_TRUE(options.align);
    EXPECT_TRUE(arguments.json);
    EXPECT_EQ(options.comparator.compare_timeout, milliseconds(250));
    EXPECT_EQ(options.comparator.max_connections, 7u);
    EXPECT_EQ(options.comparator.max_queue_bytes, 12345678901u);
    EXPECT_FALSE(options.comparator.both_directions);
    Words guests;
    for (const GuestAddress& guest : options.guests) guests.push_back(guest.text());
    EXPECT_EQ(guests, (Words{"52:54:00:00:00:02", "10.0.0.2", "2001:db8::2"}));
}

TEST(ArgumentsTest, WhatCannotBeUsedIsNamed) {
    const struct {
        Words words;
        std::string named;
    } kCases[] = {
        {{"--colour"}, "--colour"},
        {{"-j"}, "-j"},
        {{"--json=yes"}, "--json takes no value"},
        {{"--align="}, "--align takes no value"},
        {{"surplus"}, "\"surplus\""},
        {{"--", "behind"}, "\"behind\""},
        {{""}, "\"\""},
        {{"--guest"}, "--guest"},
        {{"--guest="}, "--guest"},
        {{"--guest", "10.0.0.256"}, "--guest: '10.0.0.256'"},
        {{"--guest", "10.0.0.2", "--guest", "2001:db8::/64"}, "--guest: '2001:db8::/64'"},
        {{"--guest", "52:54:00:00:00"}, "--guest: '52:54:00:00:00'"},
        {{"--guest", "\xff"}, "--guest: '\xff'"},
        {{"--released"}, "--released"},
        {{"--released", "-"}, "--released"},
        {{"--compare-timeout"}, "--compare-timeout"},
    };
    for (const auto& [words, named] : kCases) {
        EXPECT_NE(refusal_of(words).find(named), std::string::npos)
            << named << ": " << refusal_of(words);
    }
}

TEST(ArgumentsTest, NumbersOutOfRangeAreRefusedByName) {
    const Words options = {"--compare-timeout", "--max-connections", "--max-queue-bytes"};
    const Words values = {"", "0", "-1", "many", "1x", "0x", "0x10", "99999999999999999999"};
    for (const std::string& option : options) {
        for (const std::string& value : values) {
            const std::string refusal = refusal_of({option + "=" + value});
            EXPECT_NE(refusal.find(option), std::string::npos) << value << ": " << refusal;
        }
    }
    EXPECT_NE(refusal_of({"--compare-timeout", "86400001"}), "-");
    EXPECT_EQ(refusal_of({"--compare-timeout", "86400000"}), "-");
    EXPECT_NE(refusal_of({"--max-connections", "67108865"}), "-");
    EXPECT_EQ(refusal_of({"--max-connections", "67108864"}), "-");
}

TEST(ArgumentsTest, NumbersAreDecimalWhateverTheyBeginWith) {
    const auto options = parse_with_pair({"--compare-timeout=010", "--max-connections=0100", "--max-queue-bytes=0099"})
                             .options.comparator;
    EXPECT_EQ(options.compare_timeout, milliseconds(10));
    EXPECT_EQ(options.max_connections, 100u);
    EXPECT_EQ(options.max_queue_bytes, 99u);
}

TEST(ArgumentsTest, BothRecordingsAreNeeded) {
    for (const Words& words : {Words{}, Words{"--primary", "p"}, Words{"--secondary", "s"}}) {
        const std::string refusal = refusal_of(words, false);
        EXPECT_NE(refusal.find("--primary"), std::string::npos) << refusal;
        EXPECT_NE(refusal.find("--secondary"), std::string::npos) << refusal;
    }
}

TEST(ArgumentsTest, StandardInputIsForOneOfTheTwo) {
    EXPECT_EQ(refusal_of({"--primary", "-", "--secondary", "s"}, false), "-");
    EXPECT_EQ(refusal_of({"--primary", "p", "--secondary", "-"}, false), "-");
    const std::string refusal = refusal_of({"--primary", "-", "--secondary", "-"}, false);
    EXPECT_NE(refusal.find("standard input"), std::string::npos) << refusal;
}

TEST(ArgumentsTest, ReleasedNeverOverwritesARecording) {
    const CaptureFolder folder;
    const std::string p = folder.write("p.pcap", {});
    const std::string s = folder.write("s.pcap", {});
    const std::string link = folder.path("link.pcap");
    std::filesystem::create_hard_link(s, link);
    for (const std::string& path : {p, s, link}) {
        const std::string refusal =
            refusal_of({"--primary", p, "--secondary", s, "--released", path}, false);
        EXPECT_NE(refusal.find("--released"), std::string::npos) << path << ": " << refusal;
    }
    const Words fine = {"--primary", p, "--secondary", s, "--released", folder.path("new.pcap")};
    EXPECT_EQ(refusal_of(fine, false), "-");
}

}  // namespace
}  // namespace colo
