// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/words.h"

#include <gtest/gtest.h>

#include "io/option_string.h"
#include "session_rig.h"

namespace colo {
namespace {

std::string arguments(const char* command, const std::string& rest) {
    const SampleCommands commands;
    const Result result = arguments_from_text(*commands.registry.find(command), rest);
    return result.ok() ? to_line(result.value()) : "error: " + result.error().description;
}

struct WordsCase {
    const char* rest;
    const char* expected;
};

TEST(Words, BecomeArgumentsOfTheDeclaredTypes) {
    const WordsCase cases[] = {
        {"", "{}"},
        {"hello", R"({"text":"hello"})"},
        {"hello 3 on", R"({"text":"hello","count":3,"loud":true})"},
        {" \t hello   -3\t", R"({"text":"hello","count":-3})"},
        {"count=3 hello", R"({"count":3,"text":"hello"})"},
        {"loud=no text=a=b", R"({"loud":false,"text":"a=b"})"},
        {"'two words'", R"({"text":"two words"})"},
        {R"("a \"b\" 'c'")", R"({"text":"a \"b\" 'c'"})"},
        {R"(a\ b)", R"({"text":"a b"})"},
        {R"(text="two words")", R"({"text":"two words"})"},
        {"'count=3'", R"({"text":"count=3"})"},
        {"/a=b", R"({"text":"/a=b"})"},
        {"123", R"({"text":"123"})"},
        {"''", R"({"text":""})"},
        {R"(x more='{"a":1}')", R"({"text":"x","more":{"a":1}})"},
        {R"({"text": "x", "count": 1})", R"({"text":"x","count":1})"},
    };
    for (const WordsCase& c : cases) EXPECT_EQ(arguments("sample-echo", c.rest), c.expected) << c.rest;
}

TEST(Words, ThatDoNotFitAreErrors) {
    const WordsCase cases[] = {
        {"a b", "error: 'b' is not an integer"},
        {"a 3x", "error: '3x' is not an integer"},
        {"a 9223372036854775808", "error: '9223372036854775808' is not an integer"},
        {"a loud=maybe", "error: 'maybe' is neither on nor off"},
        {"a 1 on {} e", "error: 'e' is one word too many"},
        {"a text=b", "error: Parameter 'text' is given twice"},
        {"coumt=3", "error: Parameter 'coumt' is unexpected"},
        {"'open", "error: a quote is not closed"},
        {"more=x",
         "error: 'x': parse error at line 1, column 1: syntax error while parsing value "
         "- invalid literal; last read: 'x'"},
    };
    for (const WordsCase& c : cases) EXPECT_EQ(arguments("sample-echo", c.rest), c.expected) << c.rest;
}

TEST(Words, OfNoDeclaredTypeAreJsonWhereTheyCanBe) {
    const WordsCase cases[] = {
        {"/p 5", R"({"path":"/p","value":5})"},
        {"/p true", R"({"path":"/p","value":true})"},
        {"/p on", R"({"path":"/p","value":"on"})"},
        {"/p '5'", R"({"path":"/p","value":"5"})"},
        {"/p [1,2]", R"({"path":"/p","value":[1,2]})"},
        {"/p 1 other_key=2", R"({"path":"/p","value":1,"other_key":"2"})"},
    };
    for (const WordsCase& c : cases) EXPECT_EQ(arguments("sample-set", c.rest), c.expected) << c.rest;
}

TEST(Words, MayBeLeftToTheCommand) {
    Command command{"object-add", {{"qom-type"}}, "", {}};
    command.from_text = from_options("qom-type");
    EXPECT_EQ(to_line(arguments_from_text(command, "filter-mirror,id=m0,queue=tx").value()),
              R"({"qom-type":"filter-mirror","id":"m0","queue":"tx"})");
    EXPECT_EQ(arguments_from_text(command, "a,=b").error().description,
              "option without a name: '=b'");
}

TEST(OptionString, FollowsQemu) {
    const auto text = [](const std::string& options, const std::string& implied) {
        std::string result;
        for (const Option& option : parse_options(options, implied)) {
            result += "[" + option.key + "|" + option.value + "]";
        }
        return result;
    };
    EXPECT_EQ(text("socket,id=c0,path=a,,b,server,nowait", "backend"),
              "[backend|socket][id|c0][path|a,b][server|on][wait|off]");
    EXPECT_EQ(text("id=c0,wait=off", "backend"), "[id|c0][wait|off]");
    EXPECT_EQ(text("a=b=c,d=", "t"), "[a|b=c][d|]");
    EXPECT_THROW(text("a,,,", "t"), std::invalid_argument);
    EXPECT_THROW(text("a,=1", "t"), std::invalid_argument);
    EXPECT_THROW(text("a,no", "t"), std::invalid_argument);
}

}  // namespace
}  // namespace colo
