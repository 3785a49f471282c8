// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json.h"
#include "monitor/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace colo {
namespace {

using testing::HasSubstr;

/// The error, or the value as a line.
std::string parse(const std::string& text) {
    std::string error;
    const auto value = parse_json(text, error);
    return value ? to_line(*value) : "error: " + error;
}

TEST(Json, KeepsTheOrderOfMembers) {
    EXPECT_EQ(parse(R"({ "z": 1, "a": [true, null, -1.5, "x"] })"),
              R"({"z":1,"a":[true,null,-1.5,"x"]})");
}

TEST(Json, RefusesWithAReason) {
    const std::pair<std::string, std::string> cases[] = {
        {"", "end of input"},
        {"{", "end of input"},
        {"{]", "unexpected ']'"},
        {"nil", "invalid literal"},
        {"{\"a\": 1,}", "expected string literal"},
        {"{\"a\": 1} x", "expected end of input"},
        {"\"\x80\"", "ill-formed UTF-8"},
        {"\"\xc0\x80\"", "ill-formed UTF-8"},
        {"\"\xed\xa0\x80\"", "ill-formed UTF-8"},
        {R"("\ud800")", "surrogate"},
        {R"("a\u0000b")", "\\u0000 is not supported"},
        {R"({"a\u0000b": 1})", "\\u0000 is not supported"},
        {"1e999", "number overflow"},
    };
    for (const auto& [text, reason] : cases) {
        EXPECT_THAT(parse(text), HasSubstr("error: ")) << text;
        EXPECT_THAT(parse(text), HasSubstr(reason)) << text;
    }
}

TEST(Json, BoundsNestingWhereverTheTextIsFrom) {
    const auto nested = [](size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    EXPECT_EQ(parse(nested(kMaxNesting)), nested(kMaxNesting));
    EXPECT_EQ(parse(nested(kMaxNesting + 1)), "error: more than 64 levels");
    EXPECT_EQ(parse(nested(500'000)), "error: more than 64 levels");
    EXPECT_EQ(parse("[" + nested(1) + "," + nested(kMaxNesting - 1) + "]").substr(0, 6), "[[],[[");
}

TEST(Json, BoundsTheMembersOfAMessageInAll) {
    const auto with_members = [](size_t count) {
        std::string text = "[{\"m\":{}";
        for (size_t i = 1; i < count; ++i) text += ",\"" + std::to_string(i) + "\":0";
        return text + "}]";
    };
    EXPECT_THAT(parse(with_members(kMaxMembers)), HasSubstr("\"1023\":0"));
    EXPECT_EQ(parse(with_members(kMaxMembers + 1)), "error: more than 1024 members");
}

TEST(Json, ALineIsAsciiWhateverIsInIt) {
    EXPECT_EQ(to_line("\xc3\xa4\n\x80\xff"), "\"\\u00e4\\n\\ufffd\\ufffd\"");
}

TEST(Json, QuotesOnlyTheBeginningOfWhatIsLong) {
    EXPECT_EQ(clipped("short"), "short");
    EXPECT_EQ(clipped(std::string(1000, 'x')), std::string(160, 'x') + "...");
    EXPECT_LT(parse("\"" + std::string(100'000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace colo
