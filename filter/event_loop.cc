// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/event_loop.h"

#include <algorithm>
#include <climits>
#include <utility>

namespace colo {

namespace {

Time read_clock() { return std::chrono::steady_clock::now().time_since_epoch(); }

/// What poll() is told: rounded up, that the loop does not wake up too early and spin.
gint poll_timeout(Time now, Time deadline) {
    if (deadline == kNever) return -1;
    if (deadline <= now) return 0;
    const auto wait = std::chrono::ceil<milliseconds>(deadline - now).count();
    return static_cast<gint>(std::min<int64_t>(wait, INT_MAX));
}

}  // namespace

struct EventLoop::TurnSource {
    GSource source;
    EventLoop* loop;

    static gboolean prepare(GSource* source, gint* timeout) {
        reinterpret_cast<TurnSource*>(source)->loop->flush_all();
        *timeout = -1;
        return false;
    }
    static gboolean check(GSource* source) {
        reinterpret_cast<TurnSource*>(source)->loop->now_ = read_clock();
        return false;
    }
    static gboolean dispatch(GSource*, GSourceFunc, gpointer) { return G_SOURCE_CONTINUE; }

    static inline GSourceFuncs functions = {prepare, check, dispatch, nullptr, nullptr, nullptr};
};

struct EventLoop::TimerSource {
    GSource source;
    EventLoop* loop;

    static gboolean prepare(GSource* source, gint* timeout) {
        const EventLoop& loop = *reinterpret_cast<TimerSource*>(source)->loop;
        *timeout = poll_timeout(loop.now_, loop.next_deadline());
        return *timeout == 0;
    }
    static gboolean check(GSource* source) {
        const EventLoop& loop = *reinterpret_cast<TimerSource*>(source)->loop;
        return loop.next_deadline() <= loop.now_;
    }
    static gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
        reinterpret_cast<TimerSource*>(source)->loop->expire();
        return G_SOURCE_CONTINUE;
    }

    static inline GSourceFuncs functions = {prepare, check, dispatch, nullptr, nullptr, nullptr};
};

namespace {

template <typename Source>
SourcePtr attach_source(EventLoop* loop, int priority) {
    GSource* source = g_source_new(&Source::functions, sizeof(Source));
    reinterpret_cast<Source*>(source)->loop = loop;
    g_source_set_priority(source, priority);
    g_source_attach(source, loop->context());
    return SourcePtr(source);
}

}  // namespace

Flushable::~Flushable() {
    if (loop_) loop_->unlink(*this);
}

Timer::Timer(EventLoop& loop, std::function<void()> expired)
    : loop_(loop), expired_(std::move(expired)), next_(loop.timers_) {
    if (next_) next_->previous_ = this;
    loop.timers_ = this;
}

Timer::~Timer() {
    if (loop_.expiring_ == this) loop_.expiring_ = next_;
    (previous_ ? previous_->next_ : loop_.timers_) = next_;
    if (next_) next_->previous_ = previous_;
}

EventLoop::EventLoop(GMainContext* context)
    : context_(g_main_context_ref(context ? context : g_main_context_default())),
      now_(read_clock()),
      turn_(attach_source<TurnSource>(this, INT_MIN)),
      timer_(attach_source<TimerSource>(this, G_PRIORITY_DEFAULT)) {}

EventLoop::~EventLoop() {
    while (due_) unlink(*due_);
    timer_.reset();
    turn_.reset();
    g_main_context_unref(context_);
}

void EventLoop::at_end(Flushable& flushable) {
    if (flushable.loop_) return;
    flushable.loop_ = this;
    flushable.previous_ = last_due_;
    (last_due_ ? last_due_->next_ : due_) = &flushable;
    last_due_ = &flushable;
}

void EventLoop::unlink(Flushable& flushable) {
    (flushable.previous_ ? flushable.previous_->next_ : due_) = flushable.next_;
    (flushable.next_ ? flushable.next_->previous_ : last_due_) = flushable.previous_;
    flushable.loop_ = nullptr;
    flushable.previous_ = flushable.next_ = nullptr;
}

void EventLoop::flush_all() {
    while (due_) {
        Flushable& first = *due_;
        unlink(first);
        first.flush();
    }
}

Time EventLoop::next_deadline() const {
    Time next = kNever;
    for (const Timer* timer = timers_; timer; timer = timer->next_) {
        next = std::min(next, timer->deadline_);
    }
    return next;
}

/// A timer that is set again to what has come already waits for the next turn.
void EventLoop::expire() {
    expiring_ = timers_;
    while (expiring_) {
        Timer& timer = *std::exchange(expiring_, expiring_->next_);
        if (timer.deadline_ > now_) continue;
        timer.deadline_ = kNever;
        // The timer, and the function with it, may go while it runs.
        const auto expired = timer.expired_;
        expired();
    }
}

}  // namespace colo
