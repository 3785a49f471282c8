// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/text_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

constexpr const char* kPrompt = "(colo-proxy) ";

class Text : public testing::Test {
  protected:
    /// What `line` shows, with the prompt that follows.
    std::string run(const std::string& line) {
        session_.feed(line + "\n");
        return output_.take();
    }

    RecordedOutput output_;
    SampleCommands commands_;
    TextSession session_{commands_.registry, commands_.version, output_};
};

TEST_F(Text, BeginsWithABannerAndAPrompt) {
    session_.start();
    EXPECT_EQ(output_.take(),
              "colo-proxy 0.1.0 monitor - type 'help' for more information\n(colo-proxy) ");
}

TEST_F(Text, RunsEveryCommandAsWords) {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""},
        {"  \r", ""},
        {"info state", "mode: lockstep\ncount: 3\n"},
        {"query-sample-state", "mode: lockstep\ncount: 3\n"},
        {"query_sample_state\r", "mode: lockstep\ncount: 3\n"},
        {"sample-echo hi 3", "text: hi\ncount: 3\n"},
        {"sample_echo count=3 text='a b'", "count: 3\ntext: a b\n"},
        {"sample_set /objects/x on", "path: /objects/x\nvalue: on\n"},
        {"human-monitor-command 'info state'", "mode: lockstep\\ncount: 3\\n\n"},
        {"sample-fail", "Error: it was asked to fail\n"},
        {"sample-throw", "Error: it was asked to throw\n"},
        {"sample-echo", "Error: Parameter 'text' is missing\n"},
        {"sample-echo a b", "Error: 'b' is not an integer\n"},
        {"nonsense", "Error: unknown command: 'nonsense'\n"},
        {"info nonsense", "Error: unknown info: 'nonsense'\n"},
        {"sample-echo \xff", "Error: the line is not UTF-8, or has a NUL in it\n"},
    };
    for (const auto& [line, shown] : cases) EXPECT_EQ(run(line), std::string(shown) + kPrompt);
    EXPECT_EQ(run(std::string("info\0state", 10)),
              std::string("Error: the line is not UTF-8, or has a NUL in it\n") + kPrompt);
}

TEST_F(Text, HelpsWithCommandsAndInfo) {
    EXPECT_THAT(run("help"), HasSubstr("sample-echo text [count] [loud] [more] -- give back"));
    EXPECT_THAT(run("help"), HasSubstr("info state -- an answer for people\n"));
    EXPECT_EQ(run("help sample_set"),
              "sample-set path value [KEY=VALUE...] -- take any value\n(colo-proxy) ");
    EXPECT_EQ(run("? info state"), "info state -- an answer for people\n(colo-proxy) ");
    EXPECT_EQ(run("help info"), run("info"));
    EXPECT_THAT(run("info"), HasSubstr("info version -- who speaks\n"));
    EXPECT_THAT(run("help nonsense"), HasSubstr("Error: unknown command: 'nonsense'\n"));
    EXPECT_THAT(run("help info nonsense"), HasSubstr("Error: unknown info: 'nonsense'\n"));
}

TEST_F(Text, QuitQuits) {
    run("quit");
    EXPECT_EQ(commands_.quits, 1);
}

TEST_F(Text, LinesMayComeInPieces) {
    session_.feed("info st");
    EXPECT_EQ(output_.take(), "");
    session_.feed("ate\ninfo state\nin");
    const std::string state = std::string("mode: lockstep\ncount: 3\n") + kPrompt;
    EXPECT_EQ(output_.take(), state + state);
    session_.feed("fo state");
    session_.finish();
    EXPECT_EQ(output_.take(), state);
    EXPECT_TRUE(session_.idle());
}

TEST_F(Text, TooLongALineIsAnErrorAndTheNextOneIsNot) {
    const std::string error = std::string("Error: a line has at most 65536 bytes\n") + kPrompt;
    EXPECT_EQ(run(std::string(1 << 20, 'x')), error);
    for (int i = 0; i < 10; ++i) session_.feed(std::string(10'000, 'y'));
    EXPECT_EQ(run(""), error);
    EXPECT_EQ(run("sample-fail"), std::string("Error: it was asked to fail\n") + kPrompt);
    EXPECT_THAT(run("sample-echo " + std::string(65'536 - 12, 'x')), HasSubstr("text: xxx"));
}

TEST_F(Text, TheNextCommandWaitsForTheLastOnesAnswer) {
    session_.feed("sample-later\nsample-fail\n");
    EXPECT_EQ(output_.take(), "");
    commands_.answer(Json{{"done", true}});
    EXPECT_EQ(output_.take(),
              "done: true\n(colo-proxy) Error: it was asked to fail\n(colo-proxy) ");
}

TEST_F(Text, EventsAreNotShown) {
    session_.event("{}\r\n");
    EXPECT_EQ(output_.take(), "");
}

}  // namespace
}  // namespace colo
