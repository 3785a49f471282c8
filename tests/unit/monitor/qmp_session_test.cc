// SPDX-License-Identifier: GPL-2.0-or-later
// contracts.md, Monitor (QMP).
#include "monitor/qmp_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

class Qmp : public testing::Test {
  protected:
    Qmp()
        : session_(std::make_unique<QmpSession>(commands_.registry, commands_.version, output_)) {}

    void negotiate() {
        session_->start();
        session_->feed("{\"execute\":\"qmp_capabilities\"}");
        output_.take();
    }
    /// All answers to `input`.
    std::vector<Json> feed(const std::string& input) {
        session_->feed(input);
        return output_.take_messages();
    }
    /// The one answer to `input`, as a line.
    std::string ask(const std::string& input) {
        const auto messages = feed(input);
        return messages.size() == 1 ? to_line(messages.front())
                                    : std::to_string(messages.size()) + " messages";
    }

    RecordedOutput output_;
    SampleCommands commands_;
    std::unique_ptr<QmpSession> session_;
};

std::string error(const std::string& error_class, const std::string& description) {
    return to_line({{"error", {{"class", error_class}, {"desc", description}}}});
}

TEST_F(Qmp, GreetsWithVersionAndCapabilities) {
    session_->start();
    EXPECT_EQ(output_.take(), R"({"QMP":{"version":{"qemu":{"micro":0,"minor":1,"major":0},)"
                              R"("package":"colo-proxy 0.1.0"},"capabilities":[]}})"
                              "\r\n");
}

TEST_F(Qmp, WantsCapabilitiesFirst) {
    for (const char* command : {"query-version", "no-such-command", "quit"}) {
        EXPECT_EQ(ask("{\"execute\":\"" + std::string(command) + "\",\"id\":7}"),
                  R"({"error":{"class":"CommandNotFound","desc":"Expecting capabilities )"
                  R"(negotiation with 'qmp_capabilities'"},"id":7})");
    }
    EXPECT_EQ(commands_.quits, 0);
    EXPECT_EQ(ask("{\"execute\":\"qmp_capabilities\"}"), R"({"return":{}})");
    EXPECT_EQ(
        ask("{\"execute\":\"qmp_capabilities\"}"),
        error("CommandNotFound", "Capabilities negotiation is already complete, command ignored"));
}

TEST_F(Qmp, OffersNoCapability) {
    const std::string enable = "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":";
    EXPECT_EQ(ask(enable + "[\"oob\"]}}"),
              error("GenericError", "Capability 'oob' is not available"));
    EXPECT_THAT(ask(enable + "[1]}}"), HasSubstr("expected: array of strings"));
    EXPECT_THAT(ask(enable + "1}}"), HasSubstr("'enable', expected: array"));
    EXPECT_THAT(ask("{\"execute\":\"quit\"}"), HasSubstr("Expecting capabilities"));
    EXPECT_EQ(ask(enable + "[]}}"), R"({"return":{}})");
}

TEST_F(Qmp, EchoesTheIdWhateverItIs) {
    negotiate();
    for (const char* id : {"1", "\"x\"", "null", "[1,{\"a\":2}]", "{\"z\":1,\"a\":2}", "-0.5"}) {
        const std::string tail = std::string(",\"id\":") + id + "}";
        EXPECT_EQ(ask("{\"execute\":\"sample-echo\",\"arguments\":{\"text\":\"a\"}" + tail),
                  "{\"return\":{\"text\":\"a\"}" + tail);
        EXPECT_EQ(ask("{\"execute\":\"sample-fail\"" + tail),
                  R"({"error":{"class":"GenericError","desc":"it was asked to fail"})" + tail);
        EXPECT_THAT(ask("{\"execute\":1" + tail), HasSubstr(tail));
    }
}

TEST_F(Qmp, SaysWhatIsWrongWithAMessage) {
    negotiate();
    const std::pair<const char*, const char*> cases[] = {
        {"{}", "QMP input lacks member 'execute'"},
        {"[]", "QMP input must be a JSON object"},
        {"null\n", "QMP input must be a JSON object"},
        {"\"execute\"\n", "QMP input must be a JSON object"},
        {"{\"execute\":1}", "QMP input member 'execute' must be a string"},
        {"{\"execute\":\"quit\",\"arguments\":[]}",
         "QMP input member 'arguments' must be an object"},
        {"{\"execute\":\"quit\",\"extra\":1}", "QMP input member 'extra' is unexpected"},
        {"{\"exec-oob\":\"quit\"}",
         "exec-oob: out-of-band execution is not supported, use execute"},
        {"{\"execute\":\"sample-throw\"}", "it was asked to throw"},
        {"{\"execute\":\"sample-echo\"}", "Parameter 'text' is missing"},
        {"{\"execute\":\"sample-echo\",\"arguments\":{\"text\":1}}",
         "Invalid parameter type for 'text', expected: string"},
        {"{\"execute\":\"sample-fail\",\"arguments\":{\"x\":1}}", "Parameter 'x' is unexpected"},
    };
    for (const auto& [input, description] : cases) {
        EXPECT_EQ(ask(input), error("GenericError", description)) << input;
    }
    EXPECT_EQ(commands_.quits, 0);
}

TEST_F(Qmp, AnswersBadJsonWithOneErrorAndGoesOn) {
    negotiate();
    const std::string levels(100'000, '[');
    const std::string inputs[] = {
        "nonsense\n",
        "{\"execute\": nil}",
        "{\"execute\": \"\xc0\x80\"}",
        "{\"execute\": \"a\\u0000b\"}",
        "{\xff",
        "{\"a\n",
        "{]\n",
        levels + "\n",
        "{\"execute\":\"" + std::string(2 << 20, 'x') + "\"}\n",
        std::string(2 << 20, 'x') + "\n",
    };
    for (const std::string& input : inputs) {
        EXPECT_THAT(ask(input), HasSubstr("{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON "
                                          "parse error, "))
            << input.substr(0, 40);
        EXPECT_EQ(ask("{\"execute\":\"sample-echo\",\"arguments\":{\"text\":\"\"}}"),
                  R"({"return":{"text":""}})")
            << input.substr(0, 40);
    }
}

TEST_F(Qmp, NamesACommandThatThereIsNot) {
    negotiate();
    EXPECT_EQ(ask("{\"execute\":\"foo\"}"),
              error("CommandNotFound", "The command foo has not been found"));
    EXPECT_EQ(ask("{\"execute\":\"sample_echo\"}"),
              error("CommandNotFound", "The command sample_echo has not been found"));
    EXPECT_LT(ask("{\"execute\":\"" + std::string(1'000'000, 'x') + "\"}").size(), 300u);
}

TEST_F(Qmp, AnswersInTurn) {
    negotiate();
    const std::string echo = "{\"execute\":\"sample-echo\",\"arguments\":{\"text\":\"\"},\"id\":";
    EXPECT_THAT(feed("{\"execute\":\"sample-later\",\"id\":1}" + echo + "2}" + echo + "3}"),
                testing::IsEmpty());
    EXPECT_FALSE(session_->idle());
    EXPECT_EQ(output_.settled_count, 0);
    commands_.answer(Json{{"done", true}});
    EXPECT_EQ(output_.settled_count, 1);
    EXPECT_TRUE(session_->idle());
    const auto messages = output_.take_messages();
    ASSERT_EQ(messages.size(), 3u);
    EXPECT_EQ(to_line(messages[0]), R"({"return":{"done":true},"id":1})");
    EXPECT_EQ(messages[1]["id"], 2);
    EXPECT_EQ(messages[2]["id"], 3);
}

TEST_F(Qmp, AnswersThatComeAfterTheClientAreDropped) {
    negotiate();
    feed("{\"execute\":\"sample-later\"}{\"execute\":\"quit\"}");
    session_.reset();
    commands_.answer(Json::object());
    EXPECT_EQ(output_.take(), "");
    EXPECT_EQ(commands_.quits, 0);
}

TEST_F(Qmp, ACommandThatForgetsToAnswerIsAnError) {
    negotiate();
    feed("{\"execute\":\"sample-later\",\"id\":1}");
    commands_.kept.clear();
    EXPECT_THAT(output_.take(), HasSubstr("the operation was given up"));
    EXPECT_TRUE(session_->idle());
}

TEST_F(Qmp, BeginsNothingWhileTheOutputIsFull) {
    negotiate();
    output_.is_full = true;
    EXPECT_THAT(feed("{\"execute\":\"quit\"}{\"execute\":\"quit\"}"), testing::IsEmpty());
    EXPECT_FALSE(session_->idle());
    EXPECT_EQ(commands_.quits, 0);
    output_.is_full = false;
    session_->resume();
    EXPECT_EQ(commands_.quits, 2);
    EXPECT_TRUE(session_->idle());
}

TEST_F(Qmp, AHalfClosedClientGetsAllItsAnswers) {
    negotiate();
    session_->feed("{\"execute\":\"sample-later\"}{\"execute\":\"sample-fail\"}{\"execute\":");
    session_->finish();
    EXPECT_FALSE(session_->idle());
    commands_.answer(Json::object());
    EXPECT_TRUE(session_->idle());
    const auto messages = output_.take_messages();
    ASSERT_EQ(messages.size(), 3u);
    EXPECT_EQ(to_line(messages[0]), R"({"return":{}})");
    EXPECT_EQ(messages[1]["error"]["desc"], "it was asked to fail");
    EXPECT_EQ(messages[2]["error"]["desc"], "JSON parse error, input ended inside an object");
}

TEST_F(Qmp, EventsComeAfterNegotiation) {
    session_->event("{\"event\":1}\r\n");
    EXPECT_EQ(output_.take(), "");
    negotiate();
    session_->event("{\"event\":2}\r\n");
    EXPECT_EQ(output_.take(), "{\"event\":2}\r\n");
}

TEST_F(Qmp, EventsHaveATimestamp) {
    const std::string line = qmp_event("COLO_PROXY_MODE", {{"mode", "idle"}});
    ASSERT_TRUE(line.ends_with("\r\n"));
    const Json event = Json::parse(line);
    EXPECT_EQ(event["event"], "COLO_PROXY_MODE");
    EXPECT_EQ(event["data"]["mode"], "idle");
    EXPECT_GT(event["timestamp"]["seconds"].get<int64_t>(), 1'600'000'000);
    EXPECT_LT(event["timestamp"]["microseconds"].get<int64_t>(), 1'000'000);
}

TEST_F(Qmp, ListsCommandsAsQemuDoes) {
    negotiate();
    const Json list = feed("{\"execute\":\"query-commands\"}").at(0)["return"];
    EXPECT_NE(std::find(list.begin(), list.end(), Json{{"name", "sample-echo"}}), list.end());
    EXPECT_EQ(list.size(),
              feed("{\"execute\":\"colo-proxy-command-help\"}").at(0)["return"].size());
}

TEST_F(Qmp, DescribesCommandsForClientsThatComplete) {
    negotiate();
    const Json list = feed("{\"execute\":\"colo-proxy-command-help\"}").at(0)["return"];
    const auto find = [&](const std::string& name) {
        for (const Json& command : list) {
            if (command["name"] == name) return to_line(command);
        }
        return std::string("-");
    };
    EXPECT_EQ(find("query-sample-state"),
              R"({"name":"query-sample-state","help":"an answer for people","arguments":[],)"
              R"("info":"state"})");
    EXPECT_THAT(find("sample-set"),
                HasSubstr(R"("arguments":[{"name":"path","type":"string","required":true},)"));
}

TEST_F(Qmp, TakesLinesOfTheTextMonitor) {
    negotiate();
    const auto line = [&](const std::string& text) {
        return ask(to_line(
            {{"execute", "human-monitor-command"}, {"arguments", {{"command-line", text}}}}));
    };
    EXPECT_EQ(line("info state"), R"({"return":"mode: lockstep\ncount: 3\n"})");
    EXPECT_EQ(line("sample_fail"), error("GenericError", "it was asked to fail"));
    EXPECT_EQ(line("nothing"), error("CommandNotFound", "unknown command: 'nothing'"));
}

TEST_F(Qmp, QuitIsAnsweredFirst) {
    negotiate();
    EXPECT_EQ(ask("{\"execute\":\"quit\"}"), R"({"return":{}})");
    EXPECT_EQ(commands_.quits, 1);
}

}  // namespace
}  // namespace colo
