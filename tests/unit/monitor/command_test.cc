// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/command.h"
#include "monitor/json_value.h"

#include <gtest/gtest.h>

#include <optional>

namespace colo {
namespace {

Command with(ArgumentType type) {
    return {"sample", {{"x", type, false}}, "", {}};
}

TEST(Arguments, OfADeclaredTypeAreTaken) {
    const std::pair<ArgumentType, const char*> cases[] = {
        {ArgumentType::kAny, "null"},
        {ArgumentType::kString, "\"\""},
        {ArgumentType::kInteger, "0"},
        {ArgumentType::kInteger, "-9223372036854775808"},
        {ArgumentType::kInteger, "9223372036854775807"},
        {ArgumentType::kNumber, "1"},
        {ArgumentType::kNumber, "1.5"},
        {ArgumentType::kBoolean, "false"},
        {ArgumentType::kObject, "{}"},
        {ArgumentType::kArray, "[]"},
    };
    for (const auto& [type, value] : cases) {
        EXPECT_EQ(wrong_arguments(with(type), {{"x", Json::parse(value)}}), "") << value;
    }
}

TEST(Arguments, OfAnotherTypeAreRefusedInQemusWords) {
    const std::tuple<ArgumentType, const char*, const char*> cases[] = {
        {ArgumentType::kString, "1", "string"},
        {ArgumentType::kString, "null", "string"},
        {ArgumentType::kInteger, "\"1\"", "integer"},
        {ArgumentType::kInteger, "1.0", "integer"},
        {ArgumentType::kInteger, "9223372036854775808", "integer"},
        {ArgumentType::kNumber, "true", "number"},
        {ArgumentType::kBoolean, "0", "boolean"},
        {ArgumentType::kObject, "[]", "object"},
        {ArgumentType::kArray, "{}", "array"},
    };
    for (const auto& [type, value, expected] : cases) {
        EXPECT_EQ(wrong_arguments(with(type), {{"x", Json::parse(value)}}),
                  std::string("Invalid parameter type for 'x', expected: ") + expected)
            << value;
    }
}

TEST(Arguments, MissingAndUnexpectedOnesAreNamed) {
    Command command{"sample", {{"needed"}, {"other", ArgumentType::kString, false}}, "", {}};
    EXPECT_EQ(wrong_arguments(command, Json::object()), "Parameter 'needed' is missing");
    EXPECT_EQ(wrong_arguments(command, {{"needed", "a"}, {"strange", 1}}),
              "Parameter 'strange' is unexpected");
    command.takes_more = true;
    EXPECT_EQ(wrong_arguments(command, {{"needed", "a"}, {"strange", 1}}), "");
    EXPECT_EQ(wrong_arguments(command, {{"strange", 1}}), "Parameter 'needed' is missing");
}

/// What was answered, as text.
class Answers {
  public:
    Reply reply() {
        return Reply([this](const Result& result) {
            text += result.ok() ? to_line(result.value()) : "error: " + result.error().description;
        });
    }
    std::string text;
};

TEST(Reply, TheFirstAnswerCounts) {
    Answers answers;
    const Reply reply = answers.reply();
    const Reply copy = reply;
    copy(Json(1));
    reply(Json(2));
    reply(CommandError{"too late"});
    EXPECT_EQ(answers.text, "1");
}

TEST(Reply, GivenUpIsAnError) {
    Answers answers;
    {
        std::optional<Reply> reply = answers.reply();
        const Reply copy = *reply;
        reply.reset();
        EXPECT_EQ(answers.text, "");
    }
    EXPECT_EQ(answers.text, "error: the operation was given up");
}

TEST(Command, InfoNameIsGivenOrThatOfTheQuery) {
    EXPECT_EQ((Command{"query-version", {}, "", {}}.info_name()), "version");
    EXPECT_EQ((Command{"query-colo-proxy", {}, "", {}, "colo"}.info_name()), "colo");
    EXPECT_EQ((Command{"colo-proxy-flows", {}, "", {}, "flows"}.info_name()), "flows");
    EXPECT_EQ((Command{"quit", {}, "", {}}.info_name()), "");
}

}  // namespace
}  // namespace colo
