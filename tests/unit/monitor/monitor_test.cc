// SPDX-License-Identifier: GPL-2.0-or-later
// The whole monitor on real sockets.
#include "monitor/json_value.h"
#include "monitor/monitor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>

#include "tests/support/socket_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

constexpr const char* kNegotiate = "{\"execute\":\"qmp_capabilities\",\"id\":\"n\"}\n";

std::string command(const std::string& name, int id) {
    return to_line({{"execute", name}, {"id", id}}) + "\n";
}

class Monitored : public testing::Test {
  protected:
    Monitored() {
        monitor_->commands().add({"query-colo-proxy",
                                  {},
                                  "how it goes",
                                  answer_with([](auto&&) {
                                      return Result(Json{{"mode", "idle"}, {"epoch", 5}});
                                  }),
                                  "colo"});
        monitor_->commands().add({"sample-later", {}, "", [this](const Json&, Reply reply) {
                                      kept_.push_back(std::move(reply));
                                  }});
        monitor_->commands().add({"sample-large", {}, "", answer_with([](auto&&) {
                                      return Result(Json(std::string(100'000, 'x')));
                                  })});
    }

    const StreamServer& serve_qmp() { return monitor_->serve_qmp("unix:" + path_); }
    /// A client that has negotiated.
    Client negotiated() {
        Client client = Client::at_path(path_);
        client.send(kNegotiate);
        loop_.until([&] { return client.has("\"id\":\"n\""); });
        return client;
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("socket");
    Loop loop_;
    int quits_ = 0;
    std::vector<Reply> kept_;
    std::unique_ptr<Monitor> monitor_ =
        std::make_unique<Monitor>(loop_.context(), Version{0, 1, 0}, [this] { ++quits_; });
};

TEST_F(Monitored, GreetsNegotiatesAndAnswers) {
    serve_qmp();
    Client client = negotiated();
    EXPECT_THAT(client.received(), testing::StartsWith("{\"QMP\":"));
    client.send(command("query-colo-proxy", 4));
    loop_.until([&] { return client.has(R"({"return":{"mode":"idle","epoch":5},"id":4})"); });
}

TEST_F(Monitored, AHundredClientsAtOnce) {
    const StreamServer& server = serve_qmp();
    std::vector<Client> clients;
    for (int i = 0; i < 100; ++i) {
        clients.push_back(Client::at_path(path_));
        clients.back().send(kNegotiate + command("query-version", i));
    }
    for (int i = 0; i < 100; ++i) {
        Client& client = clients[static_cast<size_t>(i)];
        loop_.until([&] { return client.has("\"id\":" + std::to_string(i) + "}"); });
    }
    EXPECT_EQ(server.clients(), 100u);
    monitor_->emit("COLO_PROXY_MODE", {{"mode", "lockstep"}});
    for (Client& client : clients) loop_.until([&] { return client.has("COLO_PROXY_MODE"); });
    clients.clear();
    loop_.until([&] { return server.clients() == 0; });
}

TEST_F(Monitored, OneClientTooManyIsSentAwayAndCounted) {
    const StreamServer& server = serve_qmp();
    std::vector<Client> clients;
    for (size_t i = 0; i < ServerConfig{}.max_clients; ++i) {
        clients.push_back(Client::at_path(path_));
        loop_.until([&] { return server.clients() == i + 1; });
    }
    Client refused = Client::at_path(path_);
    loop_.until([&] { return refused.at_end(); });
    EXPECT_EQ(refused.received(), "");
    EXPECT_EQ(server.counters().refused, 1u);
    clients.pop_back();
    loop_.until([&] { return server.clients() < clients.size() + 1; });
    negotiated();
}

TEST_F(Monitored, AHalfClosedClientGetsItsAnswersAndThenTheEnd) {
    const StreamServer& server = serve_qmp();
    Client client = Client::at_path(path_);
    client.send(std::string(kNegotiate) + command("sample-later", 1) + command("query-version", 2));
    client.shut_down();
    loop_.until([&] { return !kept_.empty(); });
    loop_.settle();
    EXPECT_FALSE(client.at_end());
    kept_.at(0)(Json::object());
    loop_.until([&] { return client.at_end(); });
    EXPECT_TRUE(client.has(R"({"return":{},"id":1})"));
    EXPECT_TRUE(client.has(R"("id":2})"));
    loop_.until([&] { return server.clients() == 0; });
}

TEST_F(Monitored, ALastLineWithoutANewlineIsAnsweredLater) {
    monitor_->serve_text("unix:" + path_);
    Client client = Client::at_path(path_);
    client.send("sample-later");
    client.shut_down();
    loop_.until([&] { return !kept_.empty(); });
    loop_.settle();
    kept_.at(0)(Json{{"done", true}});
    loop_.until([&] { return client.at_end(); });
    EXPECT_TRUE(client.has("done: true\n"));
}

TEST_F(Monitored, AClientThatLeavesDuringACommandIsForgotten) {
    const StreamServer& server = serve_qmp();
    Client client = negotiated();
    client.send(command("sample-later", 1));
    loop_.until([&] { return !kept_.empty(); });
    client.leave();
    loop_.until([&] { return server.clients() == 0; });
    loop_.settle();
    kept_.at(0)(Json::object());
}

TEST_F(Monitored, AnAnswerAfterTheMonitorsEndIsDropped) {
    serve_qmp();
    Client client = negotiated();
    client.send(command("sample-later", 1));
    loop_.until([&] { return !kept_.empty(); });
    monitor_.reset();
    kept_.at(0)(Json::object());
    EXPECT_TRUE(client.at_end());
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Monitored, WhileACommandRunsItsClientIsNotReadFrom) {
    serve_qmp();
    Client client = negotiated();
    client.send(command("sample-later", 1));
    loop_.until([&] { return !kept_.empty(); });
    size_t taken = 0;
    for (int i = 0; i < 200; ++i) {
        taken += client.send(std::string(65'536, ' '));
        loop_.settle();
    }
    EXPECT_LT(taken, 4u << 20);  // what the kernel keeps
}

TEST_F(Monitored, AClientThatDoesNotReadGetsNoMoreBegun) {
    const StreamServer& server = serve_qmp();
    Client client = negotiated();
    std::string requests;
    for (int i = 0; i < 200; ++i) requests += command("sample-large", i);
    client.send(requests + command("sample-later", 1));
    loop_.settle();
    EXPECT_TRUE(kept_.empty());
    EXPECT_EQ(server.clients(), 1u);
    loop_.until([&] {
        client.received();
        return !kept_.empty();
    });
    loop_.until([&] { return client.has("\"id\":199}"); });
    EXPECT_EQ(server.counters().overflowed, 0u);
}

TEST_F(Monitored, AClientThatDoesNotReadEventsIsGivenUpAndCounted) {
    const StreamServer& server = serve_qmp();
    Client sleeper = negotiated();
    Client reader = negotiated();
    const Json data = {{"text", std::string(100'000, 'x')}};
    for (int i = 0; i < 60; ++i) {
        monitor_->emit("COLO_PROXY_MODE", data);
        reader.received();
        loop_.settle();
    }
    EXPECT_EQ(server.counters().overflowed, 1u);
    EXPECT_EQ(server.clients(), 1u);
    loop_.until([&] { return sleeper.at_end(); });
    EXPECT_FALSE(reader.at_end());
}

TEST_F(Monitored, GarbageIsAnErrorAndTheOthersAreNotDisturbed) {
    serve_qmp();
    Client good = negotiated();
    Client bad = Client::at_path(path_);
    const std::string levels(100'000, '[');
    const std::string large(1 << 16, 'x');
    bad.send(levels + "\n");
    for (int i = 0; i < 20; ++i) {
        loop_.settle();
        bad.send(large);
    }
    loop_.settle();
    bad.send("\n" + std::string(kNegotiate));
    loop_.until([&] { return bad.has("\"id\":\"n\""); });
    EXPECT_TRUE(bad.has("more than 64 levels"));
    EXPECT_TRUE(bad.has("more than 1048576 bytes"));
    good.send(command("query-version", 9));
    loop_.until([&] { return good.has("\"id\":9}"); });
}

TEST_F(Monitored, QuitIsAnsweredAndCallsBack) {
    serve_qmp();
    Client client = negotiated();
    client.send(command("quit", 3));
    loop_.until([&] { return quits_ == 1; });
    EXPECT_TRUE(client.has(R"({"return":{},"id":3})"));
}

TEST_F(Monitored, TalksInWords) {
    monitor_->serve_text("unix:" + path_ + ",server=on,wait=off");
    Client client = Client::at_path(path_);
    client.send("info colo\n");
    loop_.until([&] { return client.has("epoch: 5\n(colo-proxy) "); });
    EXPECT_THAT(client.received(), HasSubstr("(colo-proxy) mode: idle\nepoch: 5\n"));
}

/// What stands in for a standard descriptor while this lives.
class Redirected {
  public:
    Redirected(int standard, int by) : standard_(standard), kept_(dup(standard)) {
        dup2(by, standard);
    }
    ~Redirected() { dup2(kept_.get(), standard_); }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

  private:
    int standard_;
    FileDescriptor kept_;
};

TEST_F(Monitored, TalksOnStandardInputAndOutput) {
    const FileDescriptor in(open(folder_.file("in").c_str(), O_RDWR | O_CREAT, 0600));
    const FileDescriptor out(open(folder_.file("out").c_str(), O_RDWR | O_CREAT, 0600));
    ASSERT_EQ(write(in.get(), "info colo\n", 10), 10);
    ASSERT_EQ(lseek(in.get(), 0, SEEK_SET), 0);
    ASSERT_EQ(write(out.get(), "before\n", 7), 7);
    {
        const Redirected input(STDIN_FILENO, in.get());
        const Redirected output(STDOUT_FILENO, out.get());
        const StreamServer& server = monitor_->serve_text("stdio");
        loop_.until([&] { return server.clients() == 0; });
        EXPECT_THROW(monitor_->serve_qmp("stdio"), std::runtime_error);
        EXPECT_THROW(monitor_->serve_metrics("stdio"), std::runtime_error);
    }
    char text[256] = {};
    EXPECT_GT(pread(out.get(), text, sizeof(text) - 1, 0), 0);
    EXPECT_STREQ(text,
                 "before\ncolo-proxy 0.1.0 monitor - type 'help' for more information\n"
                 "(colo-proxy) mode: idle\nepoch: 5\n(colo-proxy) ");
}

TEST_F(Monitored, TellsAboutItsOwnClients) {
    serve_qmp();
    monitor_->serve_text("unix:" + folder_.file("text"));
    Client client = Client::at_path(folder_.file("text"));
    Client other = negotiated();
    client.send("info monitor\n");
    loop_.until([&] { return client.has("text"); });
    loop_.until([&] { return client.has("timed-out\n"); });
    EXPECT_THAT(client.received(), HasSubstr("unix:" + path_));
}

TEST_F(Monitored, ServesTheSameFiguresAsMetrics) {
    const StreamServer& server = monitor_->serve_metrics("tcp:127.0.0.1:0");
    Client client = Client::at_port(std::stoi(server.name().substr(14)));
    client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    loop_.until([&] { return client.at_end(); });
    EXPECT_THAT(client.received(), testing::StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(client.received(), HasSubstr("\ncolo_proxy_epoch 5\n"));
    EXPECT_THAT(client.received(), testing::EndsWith("# EOF\n"));
    client.leave();
    loop_.until([&] { return server.clients() == 0; });
}

TEST_F(Monitored, SetUpErrorsNameTheOption) {
    serve_qmp();
    const auto message = [](const auto& function) -> std::string {
        try {
            function();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_EQ(message([&] { serve_qmp(); }),
              "-qmp unix:" + path_ + ": another process listens there");
    EXPECT_EQ(message([&] { monitor_->serve_text("nowhere"); }),
              "-monitor 'nowhere': unix:PATH, tcp:HOST:PORT or stdio is needed");
    for (const std::string text : {"nowhere", "stdio"})
        EXPECT_EQ(message([&] { monitor_->serve_metrics(text); }),
                  "-metrics '" + text + "': unix:PATH or tcp:HOST:PORT is needed");
    EXPECT_EQ(message([&] { monitor_->serve_text("nowhere", "--text-monitor"); }),
              "--text-monitor 'nowhere': unix:PATH, tcp:HOST:PORT or stdio is needed");
    EXPECT_EQ(message([&] { monitor_->serve_metrics("tcp:0.0.0.0:0"); }),
              "-metrics tcp:0.0.0.0:0: only a loopback address is possible here");
}

/// Sessions that say what they get, for what the monitor does not show.
class Echo final : public Session {
  public:
    explicit Echo(SessionOutput& output) : output_(output) {}
    void feed(std::string_view bytes) override { output_.send(std::string(bytes)); }
    void finish() override { output_.send("end"); }
    void resume() override {}
    bool idle() const override { return true; }

  private:
    SessionOutput& output_;
};

class Served : public testing::Test {
  protected:
    static std::unique_ptr<Session> echo(SessionOutput& output) {
        return std::make_unique<Echo>(output);
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("socket");
    Loop loop_;
};

TEST_F(Served, ASlowClientTimesOut) {
    ServerConfig config;
    config.connection.timeout_ms = 1;
    StreamServer server(loop_.context(), echo, config);
    server.listen(parse_listen_address("unix:" + path_));
    Client client = Client::at_path(path_);
    loop_.until([&] { return client.at_end(); });
    EXPECT_EQ(server.counters().timed_out, 1u);
}

/// Has its say and ends.
class Farewell final : public Session {
  public:
    explicit Farewell(SessionOutput& output) : output_(output) {}
    void start() override {
        output_.send("bye");
        output_.end();
    }
    void feed(std::string_view) override { output_.send("more"); }
    void finish() override {}
    void resume() override {}
    bool idle() const override { return true; }

  private:
    SessionOutput& output_;
};

TEST_F(Served, ASessionThatEndsClosesItsHalfAndWaitsForTheClients) {
    const auto farewell = [](SessionOutput& output) { return std::make_unique<Farewell>(output); };
    StreamServer server(loop_.context(), farewell, {});
    server.listen(parse_listen_address("unix:" + path_));
    Client client = Client::at_path(path_);
    loop_.until([&] { return client.at_end(); });
    client.send("anything");
    loop_.settle();
    EXPECT_EQ(client.received(), "bye");
    EXPECT_EQ(server.clients(), 1u);
    client.leave();
    loop_.until([&] { return server.clients() == 0; });
}

TEST_F(Served, PipesServeAsWellAsASocket) {
    StreamServer server(loop_.context(), echo, {});
    int in[2];
    int out[2];
    ASSERT_EQ(pipe(in), 0);
    ASSERT_EQ(pipe(out), 0);
    const FileDescriptor reader(out[0]);
    server.adopt(FileDescriptor(in[0]), FileDescriptor(out[1]));
    ASSERT_EQ(write(in[1], "hello ", 6), 6);
    close(in[1]);
    loop_.until([&] { return server.clients() == 0; });
    char text[16] = {};
    EXPECT_EQ(read(reader.get(), text, sizeof(text)), 9);
    EXPECT_STREQ(text, "hello end");
}

/// Leaves no file descriptor to this process.
class NoDescriptors {
  public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const FileDescriptor next(open("/dev/null", O_RDONLY));
        rlimit now = before_;
        now.rlim_cur = static_cast<rlim_t>(next.get());
        setrlimit(RLIMIT_NOFILE, &now);
    }
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

  private:
    rlimit before_;
};

TEST_F(Served, WithoutADescriptorItTriesAgainLater) {
    StreamServer server(loop_.context(), echo, {});
    server.listen(parse_listen_address("unix:" + path_));
    Client client = Client::at_path(path_);
    client.send("hello");
    {
        const NoDescriptors none;
        loop_.settle();  // would not end if it tried at once
    }
    EXPECT_EQ(server.counters().accept_failures, 1u);
    loop_.until([&] { return client.has("hello"); });
}

}  // namespace
}  // namespace colo
