// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "qemu/qmp_conversation.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace colo {
namespace {

constexpr const char* kGreeting = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";
constexpr const char* kAccepted = "{\"return\": {}}\r\n";

class QmpConversationTest : public testing::Test, protected QmpConversation::Sink {
  protected:
    void send(const std::string& line) override { sent_ += line; }
    void ready() override { note("ready"); }
    void event(const std::string& name, const Json& data) override { note(name + to_line(data)); }
    void broken(const std::string& why) override { note("broken: " + why); }

    void note(const std::string& what) { notes_ += (notes_.empty() ? "" : " ") + what; }
    std::string notes() { return std::exchange(notes_, ""); }
    std::string sent() { return std::exchange(sent_, ""); }
    void feed(const std::string& text) { conversation_.feed(text, now_); }
    void begin_ready() {
        conversation_.begin(now_);
        feed(kGreeting);
        feed(kAccepted);
        sent();
        notes();
    }
    void execute(const std::string& command, Time patience = seconds(1)) {
        conversation_.execute(
            command, nullptr, now_ + patience,
            [this](const Json* result, const QmpFailure* failure) {
                note(result ? to_line(*result)
                            : (failure->is_answer ? "refused " : "failed ") + failure->description);
            });
    }

    Time now_ = seconds(10);
    std::string notes_;
    std::string sent_;
    QmpConversation conversation_{*this};
};

TEST_F(QmpConversationTest, NegotiatesBeforeItSendsWhatWaits) {
    execute("query-status");
    conversation_.begin(now_);
    EXPECT_EQ(sent(), "");
    feed(kGreeting);
    EXPECT_EQ(sent(), "{\"execute\": \"qmp_capabilities\"}\n");
    EXPECT_FALSE(conversation_.is_ready());
    feed(kAccepted);
    EXPECT_EQ(notes(), "ready");
    EXPECT_EQ(Json::parse(sent()), Json({{"execute", "query-status"}, {"id", 1}}));
    feed("{\"return\": {\"running\": true}, \"id\": 1}");
    EXPECT_EQ(Json::parse(notes()), Json({{"running", true}}));
}

TEST_F(QmpConversationTest, EventBeforeTheGreetingIsSkippedAndLaterOnesAreTold) {
    conversation_.begin(now_);
    feed("{\"event\": \"RESUME\", \"timestamp\": {}}\r\n");
    feed(kGreeting);
    feed("{\"event\": \"STOP\"}");
    feed(kAccepted);
    EXPECT_EQ(notes(), "ready");
    feed("{\"event\": \"STOP\"}");
    EXPECT_EQ(notes(), "STOP{}");
    feed("{\"event\": \"COLO_EXIT\", \"data\": []}");
    EXPECT_EQ(notes(), "COLO_EXIT[]");
}

TEST_F(QmpConversationTest, AnswersAreMatchedByTheirIds) {
    begin_ready();
    execute("a");
    execute("b");
    feed("{\"id\": 2, \"return\": 22}{\"id\": 1, \"return\": 11}");
    EXPECT_EQ(notes(), "22 11");
}

TEST_F(QmpConversationTest, RefusalIsInQemusWords) {
    begin_ready();
    execute("migrate");
    feed("{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}");
    EXPECT_EQ(notes(), "refused migrate: no such thing");
    execute("migrate");
    feed("{\"id\": 2, \"error\": 7}");
    EXPECT_EQ(notes(), "refused migrate: an error without words");
}

TEST_F(QmpConversationTest, DeadlineIsAFailureAndALateAnswerSaysNothing) {
    begin_ready();
    execute("a");
    EXPECT_EQ(conversation_.next_deadline(), now_ + seconds(1));
    conversation_.tick(now_ + seconds(1) - Time(1));
    EXPECT_EQ(notes(), "");
    conversation_.tick(now_ + seconds(1));
    EXPECT_EQ(notes(), "failed a: QEMU does not answer");
    EXPECT_EQ(conversation_.next_deadline(), kNever);
    EXPECT_EQ(conversation_.owed_since(), now_);
    feed("{\"id\": 1, \"return\": {}}");
    EXPECT_EQ(notes(), "");
    EXPECT_FALSE(conversation_.owed_since());
}

TEST_F(QmpConversationTest, WhatWaitsForAConnectionHasADeadlineToo) {
    execute("a");
    conversation_.tick(now_ + seconds(1));
    EXPECT_EQ(notes(), "failed a: QEMU does not answer");
    begin_ready();
    EXPECT_FALSE(conversation_.owed_since());
}

TEST_F(QmpConversationTest, EndFailsAllThatWaitsOnce) {
    begin_ready();
    execute("a");
    execute("b");
    conversation_.end("closed");
    EXPECT_EQ(notes(), "failed closed failed closed");
    conversation_.tick(now_ + seconds(9));
    EXPECT_EQ(notes(), "");
    begin_ready();
    EXPECT_TRUE(conversation_.is_ready());
}

TEST_F(QmpConversationTest, TooManyCommandsFailAtOnce) {
    for (size_t i = 0; i < QmpConversation::kMostCommands; ++i) execute("a");
    EXPECT_EQ(notes(), "");
    execute("b");
    EXPECT_EQ(notes(), "failed b: too many commands wait for an answer");
}

struct Stranger {
    const char* name;
    const char* greeting;
    const char* then;
    const char* why;
};

class Strangers : public QmpConversationTest, public testing::WithParamInterface<Stranger> {};

TEST_P(Strangers, BreakTheConversation) {
    conversation_.begin(now_);
    feed(GetParam().greeting);
    feed(GetParam().then);
    EXPECT_NE(notes().find(GetParam().why), std::string::npos);
    feed(kGreeting);
    EXPECT_EQ(notes(), "");
    EXPECT_FALSE(conversation_.is_ready());
}

INSTANTIATE_TEST_SUITE_P(
    All, Strangers,
    testing::Values(Stranger{"NoJson", "SSH-2.0-OpenSSH\r\n", "", "broken: it does not speak QMP"},
                    Stranger{"NoObject", "[1]", "", "broken: it does not speak QMP: [1]"},
                    Stranger{"NoGreeting", "{\"return\": {}}", "", "broken: it does not greet"},
                    Stranger{"Refuses", kGreeting, "{\"error\": {}}",
                             "broken: it refuses qmp_capabilities"}),
    [](const auto& info) { return info.param.name; });

TEST_F(QmpConversationTest, AnAnswerToNothingBreaksIt) {
    begin_ready();
    feed("{\"return\": {}, \"id\": 99}");
    EXPECT_EQ(notes(), "broken: it answers what it was not asked: {\"return\":{},\"id\":99}");
}

}  // namespace
}  // namespace colo
