// SPDX-License-Identifier: GPL-2.0-or-later
// A GMainContext as the path of the frames needs it: a clock that is read once a wakeup, work that is
// done once at the end of a dispatch, deadlines that cost no system call to move, and descriptors that
// are served without GLib: its bookkeeping for one wakeup costs as much as comparing a few frames.
//
//   iterate(), run() --> GLib: what has a deadline, what is new --> our poll function <----+
//                          ^                                           |                   |
//                          +--- anything but frames is ready ----------+--- frames alone --+
//
// Whoever runs the context by other means (QEMU, where we are a plugin) has all of it as GLib's sources.
#pragma once

#include <glib.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "io/glib_source.h"
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

/// Tells when a descriptor that frames come from or go to is ready; of each there may be several. May be
/// destroyed at any time, also by its owner when told.
class FdWatch {
  public:
    class Owner {
      public:
        /// The watch's condition, or an error or hang-up, has come.
        virtual void fd_ready(GIOCondition condition) = 0;

      protected:
        ~Owner() = default;
    };

    FdWatch(EventLoop& loop, int fd, GIOCondition condition, Owner& owner);
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;
    ~FdWatch();

  private:
    friend class EventLoop;

    bool wants(unsigned events) const { return (events & (condition_ | G_IO_ERR | G_IO_HUP)) != 0; }

    EventLoop& loop_;
    const int fd_;
    const GIOCondition condition_;
    Owner& owner_;
    FdWatch* next_;          ///< of the same descriptor
    uint64_t told_in_;       ///< the last turn in which the owner was told, or might have been
    SourcePtr source_;
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
    bool iterate(bool may_block);
    /// Turns until `stopped`, and one for what is ready by then; what that one has left for its end is done.
    void run(const bool& stopped);

  private:
    friend class FdWatch;
    friend class Flushable;
    friend class Timer;

    /// The first in each phase of a turn: ends the last turn, and looks at the clock after the wait.
    struct TurnSource;
    /// Of the usual priority, so that a deadline that always has come starves nobody.
    struct TimerSource;

    static gint poll(GPollFD* fds, guint count, gint timeout);
    gint poll_frames(std::span<GPollFD> fds, gint timeout);
    bool are_watches(std::span<const GPollFD> fds) const;
    FdWatch* first_watch(int fd) const;
    void tell_watches(GPollFD& fd);
    void flush_all();
    bool is_stopped() const { return stopped_ && *stopped_; }
    void unlink(Flushable& flushable);
    Time next_deadline() const;
    void expire();

    GMainContext* context_;
    Time now_;
    Flushable* due_ = nullptr;
    Flushable* last_due_ = nullptr;
    Timer* timers_ = nullptr;
    Timer* expiring_ = nullptr;  ///< the next one expire() will look at
    std::vector<FdWatch*> watches_;  ///< the first of each descriptor
    const bool* stopped_ = nullptr;  ///< of run(): what a flush sets it by is not waited for
    unsigned turns_alone_ = 0;       ///< turns between two visits to GLib; 0: GLib does all
    uint64_t turn_number_ = 0;
    bool told_ = false;              ///< somebody, since iterate() began
    SourcePtr turn_;
    SourcePtr timer_;
};

}  // namespace colo
