// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_framer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace colo {
namespace {

using Messages = std::vector<std::string>;

void drain(JsonFramer& framer, Messages& messages) {
    while (const auto message = framer.next()) {
        messages.push_back(message->error.empty() ? message->text : "! " + message->error);
    }
}

/// All messages of `pieces`; errors begin with "! ".
Messages frame(const Messages& pieces, size_t limit = kMaxMessageBytes) {
    JsonFramer framer(limit);
    Messages messages;
    for (const std::string& piece : pieces) {
        framer.push(piece);
        drain(framer, messages);
    }
    return messages;
}

std::string repeated(const std::string& text, size_t count) {
    std::string result;
    for (size_t i = 0; i < count; ++i) result += text;
    return result;
}

struct FramerCase {
    const char* what;
    std::string input;
    Messages messages;
};

TEST(JsonFramer, FindsMessages) {
    const FramerCase cases[] = {
        {"one without a newline", "{\"a\":1}", {"{\"a\":1}"}},
        {"over several lines", "{\n\"a\":\r\n1\n}\n", {"{\n\"a\":\r\n1\n}"}},
        {"several on a line", "{}[] {}", {"{}", "[]", "{}"}},
        {"brackets in strings", R"({"}]":"{["}{})", {R"({"}]":"{["})", "{}"}},
        {"escaped quotes", R"({"a":"\"}\\"}{})", {R"({"a":"\"}\\"})", "{}"}},
        {"single quotes", R"({'a':'b"\'\n'})", {R"({"a":"b\"'\n"})"}},
        {"a single quote in a string", R"({"it's":"}'"})", {R"({"it's":"}'"})"}},
        {"words end with the line", "null\n12 x\n", {"null", "12 x"}},
        {"words end where an object begins", "what{}", {"what", "{}"}},
        {"white space only", " \t\r\n\n", {}},
        {"an end too many", "}\n{}", {"}", "{}"}},
        {"ends of other kinds", "{]{}", {"{]", "{}"}},
    };
    for (const FramerCase& c : cases) EXPECT_EQ(frame({c.input}), c.messages) << c.what;
}

TEST(JsonFramer, ReportsOnceAndFindsItsFeetAgain) {
    const std::string levels = "! more than 64 levels";
    const FramerCase cases[] = {
        {"0xff ends everything", "{\"a\": \xff{\"b\":1}", {"! invalid byte", "{\"b\":1}"}},
        {"0xff between messages", "\xff\n{}", {"! invalid byte", "{}"}},
        {"a string goes not over lines", "{\"a\": \"\n{}", {"! invalid byte", "{}"}},
        {"control character in a string", "{\"a\": \"\x01 more\"}\n{}", {"! invalid byte", "{}"}},
        {"control character outside", "{\x02}\n{}", {"! invalid byte", "{}"}},
        {"control character in words", "ab\x03 cd}]\n{}", {"! invalid byte", "{}"}},
        {"too deep, closed",
         repeated("[", 100'000) + repeated("]", 100'000) + "{}",
         {levels, "{}"}},
        {"too deep, not closed", repeated("[", 100'000) + "\n{}", {levels, "{}"}},
        {"too deep, quoted ends",
         repeated("[", 65) + "\"]" + repeated("\\\"]", 70) + "\n{}",
         {levels, "{}"}},
        {"objects too deep",
         repeated("{\"a\":", 100'000) + repeated("}", 100'000) + "{}",
         {levels, "{}"}},
    };
    for (const FramerCase& c : cases) EXPECT_EQ(frame({c.input}), c.messages) << c.what;
}

TEST(JsonFramer, TakesNestingUpToTheLimit) {
    const std::string deepest = repeated("[", kMaxNesting) + repeated("]", kMaxNesting);
    EXPECT_EQ(frame({deepest}), Messages{deepest});
}

TEST(JsonFramer, BoundsAMessage) {
    const std::string fits = "{\"a\":\"xx\"}";
    const std::string too_long = "{\"a\":\"xxx\"}";
    const Messages refused{"! more than 10 bytes", "{}"};
    ASSERT_EQ(fits.size(), 10u);
    EXPECT_EQ(frame({fits}, 10), Messages{fits});
    EXPECT_EQ(frame({"{\"a\":\"" + std::string(1000, 'x') + "\"}{}"}, 10), refused);
    EXPECT_EQ(frame({"{\"a\":\"" + std::string(1000, 'x') + "\n{}"}, 10), refused);
    EXPECT_EQ(frame({std::string(1000, 'x') + "\n{}"}, 10), refused);
}

TEST(JsonFramer, ReportsWhatTheEndCutsOff) {
    const std::pair<std::string, std::string> cases[] = {
        {"{\"a\":", "! input ended inside an object"},
        {"{\"a", "! input ended inside an object"},
        {"word", "word"},
        {"{}", "-"},
        {" \n", "-"},
        {"\xff tail", "-"},
    };
    for (const auto& [input, expected] : cases) {
        JsonFramer framer;
        framer.push(input);
        while (framer.next()) {
        }
        const auto last = framer.finish();
        const std::string seen = !last                 ? "-"
                                 : last->error.empty() ? last->text
                                                       : "! " + last->error;
        EXPECT_EQ(seen, expected) << input;
    }
}

TEST(JsonFramer, KnowsWhetherThereIsInputLeft) {
    JsonFramer framer;
    framer.push("{}{}{\"a\"");
    framer.next();
    EXPECT_TRUE(framer.has_input());
    framer.next();
    EXPECT_TRUE(framer.has_input());
    EXPECT_FALSE(framer.next());
    EXPECT_FALSE(framer.has_input());
}

RC_GTEST_PROP(JsonFramer, TheCutsBetweenReadsDoNotMatter, ()) {
    const auto token = rc::gen::elementOf(std::string("{}[]\"'\\ \n\xff\x01:,ax"));
    const auto text = *rc::gen::container<std::string>(token);
    const auto cut = *rc::gen::inRange<size_t>(0, text.size() + 1);
    RC_ASSERT(frame({text}, 20) == frame({text.substr(0, cut), text.substr(cut)}, 20));
}

}  // namespace
}  // namespace colo
