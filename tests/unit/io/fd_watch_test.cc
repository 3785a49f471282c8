// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors that the loop serves by itself, and by GLib where others run the context.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

/// A connected pair; what is written into `far` makes `near` readable.
struct Pair {
    Pair() {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) abort();
        near = FileDescriptor(fds[0]);
        far = FileDescriptor(fds[1]);
    }
    void feed() { EXPECT_EQ(write(far.get(), "x", 1), 1); }
    void drain() {
        char bytes[64];
        while (read(near.get(), bytes, sizeof bytes) > 0) {
        }
    }

    FileDescriptor near;
    FileDescriptor far;
};

class Watcher final : public FdWatch::Owner {
  public:
    Watcher(EventLoop& loop, int fd, GIOCondition condition, std::function<void()> action)
        : action_(std::move(action)), watch_(loop, fd, condition, *this) {}
    void fd_ready(GIOCondition condition) override {
        last = condition;
        ++count;
        // The watcher may go with what is called.
        const auto action = action_;
        if (action) action();
    }

    int count = 0;
    GIOCondition last{};

  private:
    std::function<void()> action_;
    FdWatch watch_;
};

enum class RunBy { kUs, kGlib };

class FdWatchTest : public testing::TestWithParam<RunBy> {
  protected:
    bool iterate(bool may_block) {
        if (GetParam() == RunBy::kUs) return loop_.iterate(may_block);
        return g_main_context_iteration(context_.context(), may_block);
    }
    void settle() {
        while (iterate(false)) {
        }
    }

    Loop context_;
    EventLoop loop_{context_.context()};
    Pair pair_;
};

TEST_P(FdWatchTest, TellsWhenThereIsSomethingToRead) {
    Watcher reader(loop_, pair_.near.get(), G_IO_IN, [&] { pair_.drain(); });
    settle();
    EXPECT_EQ(reader.count, 0);
    pair_.feed();
    settle();
    EXPECT_EQ(reader.count, 1);
    EXPECT_EQ(reader.last, G_IO_IN);
}

TEST_P(FdWatchTest, TellsEachOfADescriptorOfItsOwnCondition) {
    Watcher reader(loop_, pair_.near.get(), G_IO_IN, {});
    Watcher writer(loop_, pair_.near.get(), G_IO_OUT, {});
    EXPECT_TRUE(iterate(true));
    EXPECT_EQ(reader.count, 0);
    EXPECT_EQ(writer.count, 1);
    pair_.feed();
    iterate(true);
    EXPECT_EQ(reader.count, 1);
    EXPECT_EQ(writer.count, 2);
}

TEST_P(FdWatchTest, TellsOfAHangUp) {
    Watcher reader(loop_, pair_.near.get(), G_IO_HUP, {});
    settle();
    EXPECT_EQ(reader.count, 0);
    pair_.far = {};
    iterate(true);
    EXPECT_EQ(reader.count, 1);
}

TEST_P(FdWatchTest, IsToldAgainWhileItReadsNothing) {
    Watcher reader(loop_, pair_.near.get(), G_IO_IN, {});
    pair_.feed();
    for (int i = 1; i <= 3; ++i) {
        iterate(true);
        EXPECT_EQ(reader.count, i);
    }
}

TEST_P(FdWatchTest, MayDestroyItselfAndOthersWhenTold) {
    Pair second;
    int told = 0;
    std::unique_ptr<Watcher> watchers[3];
    const auto destroy_all = [&] {
        ++told;
        for (auto& watcher : watchers) watcher.reset();
    };
    watchers[0] = std::make_unique<Watcher>(loop_, pair_.near.get(), G_IO_IN, destroy_all);
    watchers[1] = std::make_unique<Watcher>(loop_, pair_.near.get(), G_IO_IN, destroy_all);
    watchers[2] = std::make_unique<Watcher>(loop_, second.near.get(), G_IO_IN, destroy_all);
    pair_.feed();
    second.feed();
    iterate(true);
    settle();
    EXPECT_EQ(told, 1);
}

TEST_P(FdWatchTest, OneMadeWhenToldWaitsForTheNextTurn) {
    int made = 0;
    std::unique_ptr<Watcher> watcher;
    std::function<void()> make = [&] {
        ++made;
        watcher = std::make_unique<Watcher>(loop_, pair_.near.get(), G_IO_IN, make);
    };
    make();
    pair_.feed();
    for (int turn = 1; turn <= 3; ++turn) {
        iterate(true);
        EXPECT_EQ(made, 1 + turn);
    }
}

INSTANTIATE_TEST_SUITE_P(, FdWatchTest, testing::Values(RunBy::kUs, RunBy::kGlib),
                         [](const auto& info) { return info.param == RunBy::kUs ? "run_by_us" : "run_by_glib"; });

/// run() with a descriptor that always has something to read: nobody else may wait for that to end.
class BusyLoopTest : public LoopTest {
  protected:
    void run() { loop_.run(stopped_); }

    bool stopped_ = false;
    Pair busy_;
    Watcher reader_{loop_, busy_.near.get(), G_IO_IN, [this] { told(); }};
    std::function<void()> told_;

    void SetUp() override { busy_.feed(); }

  private:
    void told() {
        if (told_) told_();
    }
};

TEST_F(BusyLoopTest, OtherDescriptorsAreServed) {
    Pair other;
    const auto source = watch_fd(loop_.context(), other.near.get(), G_IO_IN, [&] { stopped_ = true; });
    told_ = [&] {
        if (reader_.count == 10) other.feed();
    };
    run();
    EXPECT_GE(reader_.count, 10);
    EXPECT_LE(reader_.count, 12);
}

TEST_F(BusyLoopTest, AStopIsSeenInItsTurn) {
    told_ = [&] { stopped_ = reader_.count >= 10; };
    run();
    EXPECT_GE(reader_.count, 10);
    EXPECT_LE(reader_.count, 11);
}

TEST_F(BusyLoopTest, WhatBecomesReadyWithFramesIsServedBeforeThem) {
    std::string order;
    Pair listening;
    // Made before the watch, as a listener is before those who have connected to it.
    const auto listener = watch_fd(loop_.context(), listening.near.get(), G_IO_IN, [&] {
        order += "listener ";
        stopped_ = true;
        listening.drain();
    });
    Pair connected;
    Watcher reader(loop_, connected.near.get(), G_IO_IN, [&] {
        order += "frames ";
        connected.drain();
    });
    listening.feed();
    connected.feed();
    run();
    EXPECT_EQ(order, "listener frames ");
}

TEST_F(BusyLoopTest, SourcesMadeMeanwhileAreSeen) {
    SourcePtr source;
    told_ = [&] {
        if (reader_.count == 10) source = after(loop_.context(), 0, [&] { stopped_ = true; });
    };
    run();
    EXPECT_LE(reader_.count, 12);
}

TEST_F(BusyLoopTest, SourcesOfOtherMakersAreSeenAfterABoundedNumberOfTurns) {
    told_ = [&] {
        if (reader_.count != 10) return;
        GSource* source = g_idle_source_new();
        g_source_set_callback(
            source,
            [](gpointer stopped) -> gboolean {
                *static_cast<bool*>(stopped) = true;
                return G_SOURCE_REMOVE;
            },
            &stopped_, nullptr);
        g_source_set_priority(source, G_PRIORITY_DEFAULT);
        g_source_attach(source, loop_.context());
        g_source_unref(source);
    };
    run();
    EXPECT_LE(reader_.count, 1000);
}

TEST_F(BusyLoopTest, TimersExpireAndMayBeSetMeanwhile) {
    Timer timer(loop_, [&] { stopped_ = true; });
    told_ = [&] {
        if (reader_.count == 10) timer.set(loop_.now());
    };
    run();
    EXPECT_LE(reader_.count, 12);
}

TEST_F(BusyLoopTest, DeadlinesOfGlibAreKept) {
    const auto source = after(loop_.context(), 1, [&] { stopped_ = true; });
    run();
}

TEST_F(BusyLoopTest, WhatIsDueAtTheEndOfATurnIsDoneInEach) {
    class Flushed final : public Flushable {
      public:
        void flush() override { ++count; }
        int count = 0;
    } flushed;
    told_ = [&] {
        EXPECT_EQ(flushed.count, reader_.count - 1);
        loop_.at_end(flushed);
    };
    const auto stopping = after(loop_.context(), 1, [&] { stopped_ = true; });
    run();
    EXPECT_EQ(flushed.count, reader_.count);
}

TEST_F(BusyLoopTest, WhatIsDueWhenItStopsIsDone) {
    class Flushed final : public Flushable {
      public:
        void flush() override { ++count; }
        int count = 0;
    } flushed;
    const auto stopping = after(loop_.context(), 0, [&] {
        stopped_ = true;
        loop_.at_end(flushed);
    });
    run();
    EXPECT_EQ(flushed.count, 1);
}

using LoopRunTest = LoopTest;

TEST_F(LoopRunTest, ServesWhatIsReadableWhenItIsStopped) {
    Pair pair;
    Watcher watcher(loop_, pair.near.get(), G_IO_IN, [&] { pair.drain(); });
    pair.feed();
    bool stopped = false;
    const SourcePtr stop(g_idle_source_new());
    g_source_set_priority(stop.get(), G_PRIORITY_HIGH);  // of a turn with it GLib polls nothing else
    const auto say = [](gpointer flag) -> gboolean {
        *static_cast<bool*>(flag) = true;
        return G_SOURCE_REMOVE;
    };
    g_source_set_callback(stop.get(), say, &stopped, nullptr);
    g_source_attach(stop.get(), loop_.context());
    loop_.run(stopped);
    EXPECT_EQ(watcher.count, 1);
}

}  // namespace
}  // namespace colo
