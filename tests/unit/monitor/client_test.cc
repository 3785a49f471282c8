// SPDX-License-Identifier: GPL-2.0-or-later
// colo-proxy monitor: the client, against canned servers and against the real one.
#include "cli/monitor_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cli/commands.h"
#include "cli/monitor_completion.h"
#include "monitor/builtin_commands.h"
#include "monitor/json_value.h"
#include "monitor/monitor.h"
#include "tests/support/socket_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGreeting = "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n";

/// A server that has said all it will ever say.
class Canned {
  public:
    explicit Canned(const std::string& said) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("socketpair");
        client = FileDescriptor(ends[0]);
        server_ = FileDescriptor(ends[1]);
        if (write(server_.get(), said.data(), said.size()) < 0) throw std::runtime_error("write");
        shutdown(server_.get(), SHUT_WR);
    }
    FileDescriptor client;

  private:
    FileDescriptor server_;
};

TEST(MonitorClient, TellsEventsFromAnswers) {
    Canned canned(std::string("{\"event\":\"EARLY\"}\r\n") + kGreeting + "{\"return\": {}}\r\n" +
                  "{\"event\":\"A\"}\r\n{\"event\":\"B\"}\r\n{\"return\": [\n1]}");
    std::string events;
    MonitorClient client(std::move(canned.client),
                         [&](const Json& event) { events += to_line(event["event"]); });
    EXPECT_EQ(to_line(client.request("x", Json::object())), "{\"return\":[1]}");
    EXPECT_EQ(events, "\"EARLY\"\"A\"\"B\"");
    EXPECT_THROW(client.read_events(), MonitorGone);
}

TEST(MonitorClient, SaysWhyThereIsNoConversation) {
    const std::pair<std::string, const char*> cases[] = {
        {"", "the monitor closed the connection"},
        {"{\"return\": {}}\n", "the other end is not a QMP monitor"},
        {"(qemu) hello\n", "the other end does not speak QMP: (qemu) hello"},
        {"\xff\n", "the other end does not speak QMP"},
        {std::string(kGreeting) + "[]\n", "the other end does not speak QMP: []"},
        {std::string(kGreeting) + "{\"error\":1}\n", "the monitor refused: {\"error\":1}"},
    };
    for (const auto& [said, why] : cases) {
        Canned canned(said);
        EXPECT_THAT([&] { MonitorClient client(std::move(canned.client), [](const Json&) {}); },
                    testing::ThrowsMessage<MonitorGone>(HasSubstr(why)));
    }
    EXPECT_THAT([] { connect_to_monitor("/nonexistent/socket"); },
                testing::ThrowsMessage<MonitorGone>(
                    HasSubstr("/nonexistent/socket: No such file or directory")));
    EXPECT_THAT([] { connect_to_monitor(std::string(200, 'x')); },
                testing::ThrowsMessage<MonitorGone>(HasSubstr("the path is too long")));
}

TEST(MonitorCompletion, KnowsWhatAWordCanBecome) {
    const MonitorCompletion completion(Json::parse(R"([
        {"name": "qom-set", "arguments": [{"name": "path", "type": "string"},
                                          {"name": "vnet_hdr", "type": "boolean"}]},
        {"name": "query-colo-proxy", "info": "colo", "arguments": []},
        {"name": "colo-proxy-flows", "info": "flows",
         "arguments": [{"name": "after", "type": "string"}]},
        {"name": "only-a-name"}, 7, {"name": 8}])"));
    EXPECT_THAT(completion.complete("", "q"), ElementsAre("qom-set", "query-colo-proxy"));
    EXPECT_THAT(completion.complete("  ", "qom_s"), ElementsAre("qom-set"));
    EXPECT_THAT(completion.complete("", "i"), ElementsAre("info"));
    EXPECT_THAT(completion.complete("info ", ""), ElementsAre("colo", "flows"));
    EXPECT_THAT(completion.complete("info flows ", ""), ElementsAre("after="));
    EXPECT_THAT(completion.complete("help ", "qom"), ElementsAre("qom-set"));
    EXPECT_THAT(completion.complete("help info ", "c"), ElementsAre("colo"));
    EXPECT_THAT(completion.complete("help qom-set ", ""), ElementsAre("path=", "vnet_hdr="));
    EXPECT_THAT(completion.complete("qom_set ", ""), ElementsAre("path=", "vnet_hdr="));
    EXPECT_THAT(completion.complete("qom-set path=/x ", ""), ElementsAre("vnet_hdr="));
    EXPECT_THAT(completion.complete("qom-set ", "vnet-hdr=o"),
                ElementsAre("vnet_hdr=on", "vnet_hdr=off"));
    EXPECT_THAT(completion.complete("only-a-name ", ""), IsEmpty());
    EXPECT_THAT(completion.complete("nonsense ", ""), IsEmpty());
}

/// A monitor in a thread of its own, and the command that talks to it.
class MonitorCommand : public testing::Test {
  protected:
    MonitorCommand() {
        monitor_.commands().add({"sample-event", {{"text"}}, "", answer_with([this](const Json& a) {
                                     monitor_.emit("SAMPLE", a);
                                     return Result(Json{{"emitted", 1}});
                                 })});
        monitor_.serve_qmp("unix:" + path_);
        thread_ = std::thread([this] { loop_.until([this] { return stop_.load(); }); });
    }
    ~MonitorCommand() override {
        stop_ = true;
        g_main_context_wakeup(loop_.context());
        thread_.join();
    }

    /// Standard output, standard error and the exit status.
    std::string run(std::vector<std::string> words) {
        words.insert(words.begin(), "monitor");
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        const int argc = static_cast<int>(argv.size());
        argv.push_back(nullptr);
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int status = monitor_command(argc, argv.data());
        std::fflush(stdout);
        const std::string out = testing::internal::GetCapturedStdout();
        return out + "|" + testing::internal::GetCapturedStderr() + "|" + std::to_string(status);
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("socket");
    std::atomic<bool> stop_ = false;
    Loop loop_;
    Monitor monitor_{loop_.context(), Version{0, 1, 0}, [this] { stop_ = true; }};
    std::thread thread_;
};

TEST_F(MonitorCommand, RunsWordsAndJson) {
    EXPECT_EQ(run({path_, "info version"}),
              "qemu: micro=0 minor=1 major=0\npackage: colo-proxy 0.1.0\n||0");
    EXPECT_EQ(run({"unix:" + path_, "{\"execute\":\"qom-nothing\"}", "# nothing", "quit"}),
              "|Error: The command qom-nothing has not been found\n|1");
}

TEST_F(MonitorCommand, GoesOnAfterAFailureAndRemembersIt) {
    EXPECT_EQ(run({path_, "nonsense", "{\"a\": nil}", "sample-event x"}).substr(0, 11),
              "emitted: 1\n");
    const std::string all = run({path_, "nonsense", "sample-event x"});
    EXPECT_THAT(all, HasSubstr("|Error: unknown command: 'nonsense'\n"));
    EXPECT_THAT(all, HasSubstr(" SAMPLE text=x\n|1"));
}

TEST_F(MonitorCommand, PrintsTheWholeAnswerToJson) {
    EXPECT_EQ(run({path_, "{\"execute\":\"sample-event\",\"arguments\":{\"text\":\"\"},\"id\":7}"})
                  .substr(0, 31),
              "{\"return\":{\"emitted\":1},\"id\":7}");
}

TEST_F(MonitorCommand, BadUsageAndNoMonitorHaveTheirStatus) {
    EXPECT_EQ(run({}), "|colo-proxy monitor: the path of a socket is needed; see --help\n|2");
    EXPECT_THAT(run({"--nonsense"}), testing::EndsWith("|2"));
    EXPECT_EQ(run({folder_.file("none"), "quit"}),
              "|colo-proxy monitor: " + folder_.file("none") + ": No such file or directory\n|1");
}

}  // namespace
}  // namespace colo
