// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "monitor/open_metrics.h"

#include <gtest/gtest.h>

#include "monitor/metrics_session.h"
#include "session_rig.h"

namespace colo {
namespace {

TEST(OpenMetrics, HasEveryFigureOfTheStatus) {
    const Json status = Json::parse(R"({
        "mode": "simple", "role": "primary", "epoch": 7,
        "flows": {"tracked": 3, "half-open": 1},
        "queued": {"primary-frames": 1, "primary-bytes": 60, "secondary-frames": 2,
                   "secondary-bytes": 120},
        "frames": {"primary": 10, "dropped": 0},
        "checkpoints": {"divergence": 2, "table-full": 1},
        "hold-us": {"p50": 12, "p99": 900, "max": 1000},
        "peer": null})");
    EXPECT_EQ(open_metrics(status), R"(# TYPE colo_proxy_mode stateset
# HELP colo_proxy_mode What protects the output.
colo_proxy_mode{colo_proxy_mode="idle"} 0
colo_proxy_mode{colo_proxy_mode="lockstep"} 0
colo_proxy_mode{colo_proxy_mode="simple"} 1
colo_proxy_mode{colo_proxy_mode="unprotected"} 0
# TYPE colo_proxy_role stateset
# HELP colo_proxy_role The part this host has.
colo_proxy_role{colo_proxy_role="primary"} 1
colo_proxy_role{colo_proxy_role="secondary"} 0
# TYPE colo_proxy_epoch gauge
# HELP colo_proxy_epoch As in query-colo-proxy.
colo_proxy_epoch 7
# TYPE colo_proxy_flows gauge
# HELP colo_proxy_flows Flows tracked, by state.
colo_proxy_flows{state="tracked"} 3
colo_proxy_flows{state="half-open"} 1
# TYPE colo_proxy_queued_frames gauge
# UNIT colo_proxy_queued_frames frames
# HELP colo_proxy_queued_frames Output held, by side.
colo_proxy_queued_frames{side="primary"} 1
colo_proxy_queued_frames{side="secondary"} 2
# TYPE colo_proxy_queued_bytes gauge
# UNIT colo_proxy_queued_bytes bytes
# HELP colo_proxy_queued_bytes Output held, by side.
colo_proxy_queued_bytes{side="primary"} 60
colo_proxy_queued_bytes{side="secondary"} 120
# TYPE colo_proxy_frames counter
# HELP colo_proxy_frames Frames seen, released, passed and dropped.
colo_proxy_frames_total{kind="primary"} 10
colo_proxy_frames_total{kind="dropped"} 0
# TYPE colo_proxy_checkpoints counter
# HELP colo_proxy_checkpoints Checkpoints, by reason.
colo_proxy_checkpoints_total{reason="divergence"} 2
colo_proxy_checkpoints_total{reason="table-full"} 1
# TYPE colo_proxy_hold_microseconds summary
# UNIT colo_proxy_hold_microseconds microseconds
# HELP colo_proxy_hold_microseconds How long output is held.
colo_proxy_hold_microseconds{quantile="0.5"} 12
colo_proxy_hold_microseconds{quantile="0.99"} 900
# TYPE colo_proxy_hold_max_microseconds gauge
# UNIT colo_proxy_hold_max_microseconds microseconds
# HELP colo_proxy_hold_max_microseconds The longest that output was held.
colo_proxy_hold_max_microseconds 1000
# EOF
)");
}

TEST(OpenMetrics, LeavesOutNothingThatIsNew) {
    const std::string text = open_metrics(
        Json::parse(R"({"new-thing": {"A b": 1}, "Other": 2.5, "mode": "odd\"\\\n"})"));
    EXPECT_NE(text.find("colo_proxy_new_thing{name=\"A b\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("colo_proxy_other 2.5\n"), std::string::npos);
    EXPECT_NE(text.find("{colo_proxy_mode=\"odd\\\"\\\\\\n\"} 1\n"), std::string::npos);
}

TEST(OpenMetrics, OfNothingIsAnEnd) {
    EXPECT_EQ(open_metrics(Json::object()), "# EOF\n");
}

class Http : public testing::Test {
  protected:
    Http() {
        commands_.registry.add({"query-colo-proxy", {}, "", [this](const Json&, Reply reply) {
                                    replies_.push_back(reply);
                                }});
    }
    std::string status_line() { return output_.sent.substr(0, output_.sent.find("\r\n")); }

    std::vector<Reply> replies_;
    SampleCommands commands_;
    RecordedOutput output_;
    MetricsSession session_{commands_.registry, output_};
};

TEST_F(Http, GivesTheFiguresOfTheMoment) {
    session_.feed("GET /metrics HTTP/1.1\r\nHost: x\r\n");
    EXPECT_TRUE(replies_.empty());
    session_.feed("\r\n");
    ASSERT_EQ(replies_.size(), 1u);
    EXPECT_FALSE(output_.ended);
    replies_.front()(Json{{"epoch", 1}});
    const std::string body = open_metrics({{"epoch", 1}});
    EXPECT_EQ(output_.take(),
              "HTTP/1.1 200 OK\r\n"
              "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
              "Content-Length: " +
                  std::to_string(body.size()) +
                  "\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n" + body);
    EXPECT_TRUE(output_.ended);
}

TEST_F(Http, AHeadHasNoBody) {
    session_.feed("HEAD /metrics?x=y HTTP/1.0\n\n");
    replies_.at(0)(Json{{"epoch", 1}});
    EXPECT_TRUE(output_.sent.ends_with("Connection: close\r\n\r\n"));
    EXPECT_NE(output_.sent.find("Content-Length: 103\r\n"), std::string::npos);
}

TEST_F(Http, FiguresThatCannotBeHadAreAnError) {
    session_.feed("GET /metrics HTTP/1.1\r\n\r\n");
    replies_.at(0)(CommandError{"no"});
    EXPECT_EQ(status_line(), "HTTP/1.1 503 Service Unavailable");
    EXPECT_TRUE(output_.ended);
}

TEST_F(Http, RefusesWhatItDoesNotHave) {
    const std::pair<std::string, const char*> cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"GET /metrics/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
        {"GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"{\"execute\":\"quit\"}\n\n", "HTTP/1.1 400 Bad Request"},
        {" \n\n", "HTTP/1.1 400 Bad Request"},
        {"\n\n", "HTTP/1.1 400 Bad Request"},
        {"GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x'),
         "HTTP/1.1 431 Request Header Fields Too Large"},
    };
    for (const auto& [request, status] : cases) {
        RecordedOutput output;
        MetricsSession session(commands_.registry, output);
        session.feed(request);
        EXPECT_EQ(output.sent.substr(0, output.sent.find("\r\n")), status) << request;
        EXPECT_TRUE(output.ended) << request;
    }
}

TEST_F(Http, ARequestThatIsCutOffIsRefused) {
    session_.feed("GET /metrics HTTP/1.1\r\n");
    session_.finish();
    EXPECT_EQ(status_line(), "HTTP/1.1 400 Bad Request");
}

TEST_F(Http, AnswersOneRequest) {
    session_.feed("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    output_.take();
    session_.feed("GET / HTTP/1.1\r\n\r\n");
    session_.finish();
    EXPECT_EQ(output_.take(), "");
}

}  // namespace
}  // namespace colo
