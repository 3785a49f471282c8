// SPDX-License-Identifier: GPL-2.0-or-later
// A GMainContext as the path of the frames needs it: a clock that is read once a wakeup, work that is
// done once at the end of a dispatch, and deadlines that cost no system call to move.
#pragma once

#include <glib.h>

#include <functional>

#include "monitor/glib_source.h"
#include "packet/time.h"

namespace colo {

class EventLoop;

/// Has something to do at the end of the dispatch, such as to write what has been queued in it. May be
/// destroyed at any time.
class Flushable {
  public:
    Flushable() = default;
    Flushable(const Flushable&) = delete;
    Flushable& operator=(const Flushable&) = delete;

    /// Called from within GLib's prepare phase: must not iterate the context.
    virtual void flush() = 0;

  protected:
    ~Flushable();

  private:
    friend class EventLoop;

    EventLoop* loop_ = nullptr;  ///< where it is due
    Flushable* previous_ = nullptr;
    Flushable* next_ = nullptr;
};

/// Calls `expired` once the deadline has come. May be destroyed at any time, also by `expired`. GLib's
/// poll counts in milliseconds: it is never early, and up to one late.
class Timer {
  public:
    Timer(EventLoop& loop, std::function<void()> expired);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();

    /// Instead of any earlier one; kNever: none.
    void set(Time deadline) { deadline_ = deadline; }
    void cancel() { deadline_ = kNever; }
    Time deadline() const { return deadline_; }

  private:
    friend class EventLoop;

    EventLoop& loop_;
    std::function<void()> expired_;
    Time deadline_ = kNever;
    Timer* previous_ = nullptr;
    Timer* next_ = nullptr;
};

/// Outlives all that uses it. Of one thread, which runs the context.
class EventLoop {
  public:
    /// nullptr: the default context.
    explicit EventLoop(GMainContext* context = nullptr);
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    ~EventLoop();

    GMainContext* context() const { return context_; }

    /// CLOCK_MONOTONIC at the last wakeup.
    Time now() const { return now_; }

    /// flush() is called once, when what is ready has been dispatched and before the loop waits again.
    void at_end(Flushable& flushable);

    /// One turn; false: nothing was ready.
    bool iterate(bool may_block) { return g_main_context_iteration(context_, may_block); }

  private:
    friend class Flushable;
    friend class Timer;

    /// The first in each phase of a turn: ends the last turn, and looks at the clock after the wait.
    struct TurnSource;
    /// Of the usual priority, so that a deadline that always has come starves nobody.
    struct TimerSource;

    void flush_all();
    void unlink(Flushable& flushable);
    Time next_deadline() const;
    void expire();

    GMainContext* context_;
    Time now_;
    Flushable* due_ = nullptr;
    Flushable* last_due_ = nullptr;
    Timer* timers_ = nullptr;
    Timer* expiring_ = nullptr;  ///< the next one expire() will look at
    SourcePtr turn_;
    SourcePtr timer_;
};

}  // namespace colo
