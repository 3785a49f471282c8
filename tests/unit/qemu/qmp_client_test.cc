// SPDX-License-Identifier: GPL-2.0-or-later
// Against a listener that answers as it is told.
#include "monitor/json_value.h"
#include "qemu/qmp_client.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/fake_qemu.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

class QmpClientTest : public LoopTest, public QmpClient::Observer {
  protected:
    void qmp_ready() override { ++ready_; }
    void qmp_closed(const std::string& why) override { closed_ = why; }
    void qmp_event(const std::string& name, const Json&) override { event_ = name; }

    void connect() {
        client_.emplace(loop_, "QEMU", folder_.file("qmp"), *this);
        until([&] { return qemu_->accept(); });
    }
    void negotiate() {
        const int before = ready_;
        qemu_->say("{\"QMP\": {}}\r\n");
        until([&] { return qemu_->has("qmp_capabilities"); });
        qemu_->say("{\"return\": {}}\r\n");
        until([&] { return ready_ > before; });
    }

    TemporaryFolder folder_;
    std::optional<FakeQemu> qemu_{folder_.file("qmp")};
    std::optional<QmpClient> client_;
    int ready_ = 0;
    std::string closed_;
    std::string event_;
};

TEST_F(QmpClientTest, AsksAndIsAnswered) {
    connect();
    negotiate();
    EXPECT_EQ(client_->problem(), "");
    bool runs = false;
    client_->execute("query-status", nullptr, seconds(60),
                     [&](const Json* result, const QmpFailure*) { runs = (*result)["running"]; });
    until([&] { return qemu_->has("query-status"); });
    qemu_->say("{\"return\": {\"running\": true}, \"id\": 1}\r\n");
    until([&] { return runs; });
}

TEST_F(QmpClientTest, ConnectsAgainAndSaysWhyItWasClosed) {
    connect();
    negotiate();
    std::string failure;
    client_->execute("query-status", nullptr, seconds(60),
                     [&](const Json*, const QmpFailure* why) { failure = why->description; });
    until([&] { return qemu_->has("query-status"); });  // unread, it would be a reset
    qemu_->leave();
    until([&] { return !closed_.empty(); });
    EXPECT_EQ(closed_, "QMP at " + folder_.file("qmp") + ": QEMU closed it");
    EXPECT_EQ(failure, closed_);
    EXPECT_EQ(client_->problem(), closed_);
    until([&] { return qemu_->accept(); });
    negotiate();
    EXPECT_TRUE(client_->is_ready());
}

TEST_F(QmpClientTest, NobodyThereIsAProblemThatPasses) {
    qemu_.reset();
    client_.emplace(loop_, "QEMU", folder_.file("qmp"), *this);
    until([&] { return client_->problem().find("No such file") != std::string::npos; });
    qemu_.emplace(folder_.file("qmp"));
    until([&] { return qemu_->accept(); });
    negotiate();
}

TEST_F(QmpClientTest, WhoDoesNotSpeakQmpIsLeftAndSaidSo) {
    connect();
    qemu_->say("220 mail\r\n");
    until([&] { return client_->problem().find("does not speak QMP") != std::string::npos; });
    EXPECT_EQ(closed_, "");  // it was never ready
}

TEST_F(QmpClientTest, NoGreetingIsNamedAsAClientTooMany) {
    connect();
    EXPECT_EQ(client_->problem(),
              "QMP at " + folder_.file("qmp") + ": no greeting; is another client connected?");
}

TEST_F(QmpClientTest, NonsenseInAConversationFailsWhatWaits) {
    connect();
    negotiate();
    std::string failure;
    client_->execute("query-status", nullptr, seconds(60),
                     [&](const Json*, const QmpFailure* why) { failure = why->description; });
    qemu_->say("nonsense\r\n");
    until([&] { return !failure.empty(); });
    EXPECT_NE(failure.find("does not speak QMP"), std::string::npos);
    EXPECT_EQ(closed_, failure);
    EXPECT_FALSE(client_->owed_since());
}

TEST_F(QmpClientTest, EventsAreTold) {
    connect();
    negotiate();
    qemu_->say("{\"event\": \"STOP\"}\r\n");
    until([&] { return event_ == "STOP"; });
}

}  // namespace
}  // namespace colo
