// SPDX-License-Identifier: GPL-2.0-or-later
// A relay between a QEMU's real socket and a stream of a link in memory, whose other end is the test's.
#include "pair/migration_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/colo_word.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kForward = ColoDirection::kForward;
constexpr auto kBack = ColoDirection::kBack;

/// More than all buffers on the way hold together.
constexpr size_t kMuch = 3u << 20;

/// Bytes that tell where they were.
std::string state_of(size_t size) {
    std::string state;
    for (size_t i = 0; state.size() < size; ++i) state += std::to_string(i) + " ";
    return state;
}

class MigrationRelayTest : public LoopTest, protected MigrationRelay::Owner {
  protected:
    MigrationRelayTest() { link_.run(); }

    void make(Role role) {
        role_ = role;
        MigrationRelay::Owner& owner = *this;
        relay_.emplace(loop_, role, link_.a.session->open(MigrationRelay::kService), owner);
        pass();
    }
    /// QEMU's socket has room for less than is taken for it at a time.
    void attach() {
        auto [near, far] = socket_pair();
        const int least = 1;
        setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
        qemu_.emplace(std::move(far));
        relay_->attach(std::move(near));
    }
    void begin(Role role) {
        make(role);
        attach();
    }
    /// As far as to where the VM's state has passed.
    void begin_replied(Role role) {
        begin(role);
        say(kForward, "migration");
        say(kBack, word(0));
        say(kForward, word(1));
        say(kBack, word(2));
        say(kForward, "state");
        told_.clear();
    }

    void relay_message(ColoMessage message) override {
        told_.emplace_back(to_string(message));
        if (!holds_) relay_->hand_on(message);
    }
    void relay_qemu_ended(const std::string& why) override { told_.push_back("QEMU: " + why); }
    void relay_peer_ended(const LinkStatus& why) override {
        told_.push_back("peer: " + (why.ok() ? "ok" : why.text));
    }
    void relay_broken(const std::string& why) override { told_.push_back("broken: " + why); }

    Stream& peer() { return *link_.b.streams.back(); }
    RecordingUser& peer_user() { return *link_.b.users.back(); }
    bool is_ours(ColoDirection direction) const { return (direction == kForward) == (role_ == Role::kPrimary); }

    /// Until nothing moves any more.
    void pass() {
        int turns = 0;
        do {
            ASSERT_LT(++turns, 10'000) << "it is always ready, and nothing moves";
            link_.run();
        } while (loop_.iterate(false));
    }
    /// How much of it is taken by all together while nobody reads.
    size_t fill(ColoDirection direction, std::string_view bytes) {
        constexpr size_t kPart = 256u << 10;
        size_t sent = 0;
        for (size_t part = 1; part > 0; sent += part) {
            const std::string next(bytes.substr(sent, kPart));
            part = is_ours(direction) ? qemu_->send(next) : peer().write(bytes_of(next));
            pass();
        }
        return sent;
    }
    void say(ColoDirection direction, const std::string& bytes) { EXPECT_EQ(fill(direction, bytes), bytes.size()); }
    /// What has come out at the other end.
    const std::string& heard(ColoDirection direction) {
        return is_ours(direction) ? peer_user().got : qemu_->received();
    }
    /// The rest, to one who reads.
    void say_on(ColoDirection direction, std::string_view bytes) {
        for (bool moves = true; moves;) {
            const size_t before = heard(direction).size();
            const size_t sent = fill(direction, bytes);
            bytes.remove_prefix(sent);
            moves = sent > 0 || heard(direction).size() > before;
        }
    }

    LinkPair link_;
    Role role_ = Role::kPrimary;
    bool holds_ = false;
    std::vector<std::string> told_;
    std::optional<Client> qemu_;
    std::optional<MigrationRelay> relay_;
};

class EitherSide : public MigrationRelayTest, public testing::WithParamInterface<Role> {};

INSTANTIATE_TEST_SUITE_P(Roles, EitherSide, testing::Values(Role::kPrimary, Role::kSecondary),
                         [](const auto& info) { return to_string(info.param); });

TEST_P(EitherSide, BytesPassUnalteredAndMessagesAreTold) {
    begin_replied(GetParam());
    say(kBack, word(5) + word(6));
    say(kForward, word(1));
    EXPECT_EQ(heard(kForward), "migration" + word(1) + "state" + word(1));
    EXPECT_EQ(heard(kBack), word(0) + word(2) + word(5) + word(6));
    EXPECT_THAT(told_, ElementsAre("RECEIVED", "LOADED", "REQUEST"));
}

TEST_P(EitherSide, NothingPassesBehindAMessageThatIsHeld) {
    begin_replied(GetParam());
    const std::string before = heard(kBack);
    holds_ = true;
    say(kBack, word(5) + word(6));
    EXPECT_THAT(told_, ElementsAre("RECEIVED"));
    EXPECT_EQ(heard(kBack), before);
    relay_->hand_on(ColoMessage::kReceived);
    pass();
    EXPECT_THAT(told_, ElementsAre("RECEIVED", "LOADED"));
    EXPECT_EQ(heard(kBack), before + word(5));
    relay_->hand_on(ColoMessage::kLoaded);
    pass();
    EXPECT_EQ(heard(kBack), before + word(5) + word(6));
}

TEST_P(EitherSide, WhatIsSaidWhileAMessageIsHeldWaits) {
    begin_replied(GetParam());
    holds_ = true;
    say(kBack, word(5));
    say(kBack, word(6));
    EXPECT_THAT(told_, ElementsAre("RECEIVED"));
    holds_ = false;
    relay_->hand_on(ColoMessage::kReceived);
    pass();
    EXPECT_THAT(told_, ElementsAre("RECEIVED", "LOADED"));
    EXPECT_EQ(heard(kBack), word(0) + word(2) + word(5) + word(6));
}

TEST_F(MigrationRelayTest, OurQemuIsNotReadWhereThePeerHasNoRoom) {
    begin(Role::kPrimary);
    peer_user().reads = false;
    const std::string state = state_of(kMuch);
    const size_t sent = fill(kForward, state);
    EXPECT_LT(sent, state.size());
    constexpr size_t kOneRead = 64u << 10;
    EXPECT_LE(relay_->channel().taken(kForward), StreamLimits().window + kOneRead);

    peer_user().reads = true;
    peer_user().read_all(peer());
    pass();
    say_on(kForward, std::string_view(state).substr(sent));
    EXPECT_TRUE(heard(kForward) == state);
}

TEST_F(MigrationRelayTest, ThePeerGetsNoCreditForWhatOurQemuDoesNotTake) {
    begin(Role::kSecondary);
    const std::string state = state_of(kMuch);
    const size_t sent = fill(kForward, state);
    EXPECT_LT(sent, state.size());
    EXPECT_LT(heard(kForward).size(), sent);
    for (size_t before = SIZE_MAX; heard(kForward).size() != before; pass()) {
        before = heard(kForward).size();
        ASSERT_LE(relay_->channel().taken(kForward), before + Chunk::kBytes);
    }
    say_on(kForward, std::string_view(state).substr(sent));
    EXPECT_TRUE(heard(kForward) == state);
}

TEST_F(MigrationRelayTest, WhatThePeerHasSentBeforeOurQemuIsThereWaitsForIt) {
    make(Role::kSecondary);
    peer().write(bytes_of("migration"));
    pass();
    EXPECT_FALSE(relay_->is_attached());
    EXPECT_EQ(relay_->channel().taken(kForward), 0u);
    attach();
    EXPECT_TRUE(relay_->is_attached());
    EXPECT_EQ(heard(kForward), "migration");
    say(kForward, " goes on");
    EXPECT_EQ(heard(kForward), "migration goes on");
}

// --- The end -------------------------------------------------------------------------------------

TEST_P(EitherSide, QemuThatClosesItsChannelEndsItsHalfOfTheStream) {
    begin_replied(GetParam());
    const std::string last = GetParam() == Role::kPrimary ? " and more" : word(5);
    qemu_->send(last);
    qemu_->shut_down();
    pass();
    EXPECT_TRUE(peer_user().got.ends_with(last));
    EXPECT_TRUE(peer_user().ended);
    EXPECT_THAT(told_, Contains("QEMU: it closed its channel").Times(1));
    EXPECT_FALSE(peer().is_over());
    told_.clear();
    peer().finish();
    pass();
    EXPECT_THAT(told_, ElementsAre("peer: ok"));
    EXPECT_TRUE(peer().is_over());
    EXPECT_TRUE(peer().status().ok());
}

/// It has not read all of what it was given: no orderly end.
TEST_F(MigrationRelayTest, QemuThatDiesWhileItIsOwedBytesIsToldOnce) {
    begin(Role::kSecondary);
    fill(kForward, state_of(kMuch));
    qemu_->leave();
    pass();
    EXPECT_THAT(told_, ElementsAre(HasSubstr("QEMU: ")));
    EXPECT_TRUE(peer_user().ended);
    fill(kForward, "what nobody reads");
    EXPECT_EQ(told_.size(), 1u);
}

TEST_F(MigrationRelayTest, OurQemusLastWordsAreToldAfterThePeerIsGone) {
    const struct {
        std::function<void()> go;
        const char* told;
    } cases[] = {
        {[&] { peer().abort({LinkCode::kFailed, "broken"}); }, "peer: b: broken"},
        {[&] { link_.a.session->lost({LinkCode::kLinkLost, "reset"}); }, "peer: reset"},  // last: no link is left
    };
    for (const auto& [go, told] : cases) {
        begin_replied(Role::kSecondary);
        go();
        pass();
        EXPECT_THAT(told_, ElementsAre(told));
        qemu_->send(word(5));
        pass();
        EXPECT_THAT(told_, ElementsAre(told, "RECEIVED"));
        qemu_->send(word(6));
        qemu_->shut_down();
        pass();
        EXPECT_THAT(told_, ElementsAre(told, "RECEIVED", "LOADED", "QEMU: it closed its channel"));
    }
}

TEST_F(MigrationRelayTest, LastWordsAndTheEndWaitBehindAMessageThatIsHeld) {
    const struct {
        std::string behind;
        std::vector<std::string> told;
    } cases[] = {
        {word(6), {"LOADED", "QEMU: it closed its channel"}},
        {"", {"QEMU: it closed its channel"}},
    };
    for (const auto& [behind, told] : cases) {
        begin_replied(Role::kSecondary);
        holds_ = true;
        qemu_->send(word(5) + behind);
        pass();
        peer().abort({LinkCode::kFailed, "broken"});
        qemu_->shut_down();
        pass();
        EXPECT_THAT(told_, ElementsAre("RECEIVED", "peer: b: broken"));
        told_.clear();
        holds_ = false;
        relay_->hand_on(ColoMessage::kReceived);
        pass();
        EXPECT_EQ(told_, told);
    }
}

/// Else the message would come behind the end.
TEST_F(MigrationRelayTest, TheStreamIsFinishedBehindAMessageThatIsHeld) {
    begin_replied(Role::kSecondary);
    holds_ = true;
    qemu_->send(word(5));
    pass();
    qemu_->shut_down();
    pass();
    EXPECT_THAT(told_, ElementsAre("RECEIVED"));
    EXPECT_FALSE(peer_user().ended);
    relay_->hand_on(ColoMessage::kReceived);
    pass();
    EXPECT_TRUE(heard(kBack).ends_with(word(5)));
    EXPECT_TRUE(peer_user().ended);
    EXPECT_THAT(told_, ElementsAre("RECEIVED", "QEMU: it closed its channel"));
}

TEST_F(MigrationRelayTest, OurQemuIsReadToItsEndWhenThePeerThatHadNoRoomIsGone) {
    begin(Role::kPrimary);
    peer_user().reads = false;
    const std::string state = state_of(kMuch);
    const size_t sent = fill(kForward, state);
    ASSERT_LT(sent, state.size());
    peer().abort({LinkCode::kFailed, "broken"});
    pass();
    EXPECT_EQ(sent + fill(kForward, std::string_view(state).substr(sent)), state.size());
    qemu_->leave();
    pass();
    EXPECT_EQ(relay_->channel().taken(kForward), state.size());
    EXPECT_THAT(told_, ElementsAre("peer: b: broken", "QEMU: it closed its channel"));
}

TEST_F(MigrationRelayTest, WhenThePeersQemuHasClosedOursGetsAllBeforeTheEnd) {
    begin(Role::kSecondary);
    const std::string state = state_of(kMuch);
    const size_t sent = fill(kForward, state);
    peer().finish();
    pass();
    EXPECT_FALSE(qemu_->at_end());
    say_on(kForward, "");
    EXPECT_TRUE(heard(kForward) == state.substr(0, sent));
    EXPECT_TRUE(qemu_->at_end());
    EXPECT_THAT(told_, IsEmpty());
}

TEST_F(MigrationRelayTest, OurQemuMayEndItsHalfLater) {
    begin_replied(Role::kSecondary);
    const std::string before = heard(kForward);
    relay_->close_to_qemu();
    EXPECT_TRUE(qemu_->at_end());
    say(kForward, "state that comes too late");
    say(kBack, word(5));
    EXPECT_EQ(heard(kForward), before);
    EXPECT_TRUE(heard(kBack).ends_with(word(5)));
    EXPECT_THAT(told_, ElementsAre("RECEIVED"));
}

TEST_P(EitherSide, ClosedItEndsBothAtOnceAndTellsNothing) {
    begin_replied(GetParam());
    relay_->close({LinkCode::kCancelled, "the VM goes on alone"});
    EXPECT_TRUE(qemu_->at_end());
    EXPECT_EQ(qemu_->send(word(5)), 0u);
    pass();
    EXPECT_EQ(peer_user().last.code, LinkCode::kCancelled);
    EXPECT_EQ(peer_user().last.text, "a: the VM goes on alone");
    EXPECT_THAT(told_, IsEmpty());
}

TEST_P(EitherSide, ClosedItHasNothingToHandOn) {
    begin_replied(GetParam());
    holds_ = true;
    say(kBack, word(5));
    relay_->close({LinkCode::kCancelled, "the VM goes on alone"});
    relay_->hand_on(ColoMessage::kReceived);
    pass();
    EXPECT_THAT(told_, ElementsAre("RECEIVED"));
}

// --- Who does not speak COLO ---------------------------------------------------------------------

class Garbage : public MigrationRelayTest, public testing::WithParamInterface<std::tuple<Role, ColoDirection>> {};

TEST_P(Garbage, BreaksTheChannelForGood) {
    const auto [role, direction] = GetParam();
    begin(role);
    say(kBack, word(0));
    say(direction, word(0x476f0d0a));
    ASSERT_EQ(told_.size(), 2u);
    EXPECT_THAT(told_[1], HasSubstr("broken: " + std::string(sender(direction)) + " sent "));
    const std::string before[] = {heard(kForward), heard(kBack)};
    for (const ColoDirection way : {kForward, kBack}) say(way, word(1) + "more");
    EXPECT_EQ(heard(kForward), before[0]);
    EXPECT_EQ(heard(kBack), before[1]);
    EXPECT_EQ(told_.size(), 2u);
    relay_->close({LinkCode::kProtocol, "broken"});
    pass();
    EXPECT_EQ(peer_user().last.code, LinkCode::kProtocol);
}

INSTANTIATE_TEST_SUITE_P(All, Garbage,
                         testing::Combine(testing::Values(Role::kPrimary, Role::kSecondary),
                                          testing::Values(kForward, kBack)),
                         [](const auto& info) {
                             return std::string("AtThe_") + to_string(std::get<0>(info.param)) +
                                    (std::get<1>(info.param) == kForward ? "_Forward" : "_Back");
                         });

}  // namespace
}  // namespace colo
