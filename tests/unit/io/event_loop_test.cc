// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/event_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/support/loop_rig.h"

namespace colo {
namespace {

class Flushed final : public Flushable {
  public:
    explicit Flushed(std::function<void()> action) : action_(std::move(action)) {}
    void flush() override { action_(); }

  private:
    std::function<void()> action_;
};

using EventLoopTest = LoopTest;

TEST_F(EventLoopTest, FlushesOnceAfterWhatWasReady) {
    std::string log;
    Flushed flushed([&] { log += "flush "; });
    const auto one = after(loop_.context(), 0, [&] {
        log += "one ";
        loop_.at_end(flushed);
        loop_.at_end(flushed);
    });
    const auto two = after(loop_.context(), 0, [&] {
        log += "two ";
        loop_.at_end(flushed);
    });
    settle();
    EXPECT_EQ(log, "one two flush ");
}

TEST_F(EventLoopTest, FlushesInTheOrderOfAsking) {
    std::string log;
    Flushed a([&] { log += "a"; });
    Flushed b([&] { log += "b"; });
    Flushed c([&] {
        log += "c";
        loop_.at_end(a);
    });
    loop_.at_end(c);
    loop_.at_end(b);
    settle();
    EXPECT_EQ(log, "cba");
    settle();
    EXPECT_EQ(log, "cba");
}

TEST_F(EventLoopTest, WhatIsGoneIsNotFlushed) {
    std::string log;
    auto gone = std::make_unique<Flushed>([&] { log += "gone"; });
    auto doomed = std::make_unique<Flushed>([&] { log += "doomed"; });
    std::unique_ptr<Flushed> killer;
    killer = std::make_unique<Flushed>([&] {
        log += "killer";
        doomed.reset();
        killer.reset();
    });
    loop_.at_end(*gone);
    loop_.at_end(*killer);
    loop_.at_end(*doomed);
    gone.reset();
    settle();
    EXPECT_EQ(log, "killer");
}

TEST_F(EventLoopTest, WhatStopsWhenATurnEndsIsNotWaitedFor) {
    bool stopped = false;
    bool waited = false;
    Flushed flushed([&] { stopped = true; });
    const auto late = after(loop_.context(), 2'000, [&] { waited = true; });
    loop_.at_end(flushed);
    loop_.run(stopped);
    EXPECT_FALSE(waited);
}

TEST_F(EventLoopTest, TheClockStandsStillWithinADispatch) {
    Time first{};
    Time second{};
    const auto one = after(loop_.context(), 1, [&] {
        first = loop_.now();
        const Time begin = std::chrono::steady_clock::now().time_since_epoch();
        while (std::chrono::steady_clock::now().time_since_epoch() == begin) {
        }
        second = loop_.now();
    });
    const Time before = loop_.now();
    until([&] { return second != Time{}; });
    EXPECT_EQ(first, second);
    EXPECT_GT(first, before);
}

TEST_F(EventLoopTest, TimersExpireOnceAndNotEarly) {
    int count = 0;
    const Time deadline = loop_.now() + milliseconds(2);
    Time expired{};
    Timer timer(loop_, [&] {
        ++count;
        expired = loop_.now();
    });
    timer.set(deadline);
    until([&] { return count > 0; });
    EXPECT_GE(expired, deadline);
    EXPECT_EQ(timer.deadline(), kNever);
    settle();
    EXPECT_EQ(count, 1);
}

TEST_F(EventLoopTest, ACancelledTimerDoesNotExpire) {
    int count = 0;
    Timer cancelled(loop_, [&] { count += 100; });
    Timer timer(loop_, [&] { ++count; });
    cancelled.set(loop_.now());
    timer.set(loop_.now());
    cancelled.cancel();
    until([&] { return count > 0; });
    EXPECT_EQ(count, 1);
}

TEST_F(EventLoopTest, ATimerThatIsAlwaysDueStarvesNobody) {
    Timer timer(loop_, [&] { timer.set(loop_.now()); });
    timer.set(loop_.now());
    bool ran = false;
    const auto source = after(loop_.context(), 1, [&] { ran = true; });
    until([&] { return ran; });
}

TEST_F(EventLoopTest, TimersMayDestroyEachOtherAndThemselves) {
    std::string log;
    std::unique_ptr<Timer> timers[3];
    for (auto& timer : timers) {
        timer = std::make_unique<Timer>(loop_, [&] {
            log += "x";
            for (auto& each : timers) each.reset();
            log += "y";
        });
        timer->set(loop_.now());
    }
    until([&] { return !log.empty(); });
    settle();
    EXPECT_EQ(log, "xy");
}

}  // namespace
}  // namespace colo
