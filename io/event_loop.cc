// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/event_loop.h"

#include <algorithm>
#include <climits>
#include <utility>

namespace colo {

namespace {

/// Whose iterate() or run() this thread is in: GLib's poll functions are told nothing else.
thread_local EventLoop* iterating;

/// All that concerns GLib ends them at once; this is for what it alone might know.
constexpr unsigned kMostTurnsAlone = 256;

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
        EventLoop& loop = *reinterpret_cast<TurnSource*>(source)->loop;
        loop.flush_all();
        *timeout = loop.is_stopped() ? 0 : -1;
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

/// Where there is no poll function of ours in between, it is GLib that tells the owner.
FdWatch::FdWatch(EventLoop& loop, int fd, GIOCondition condition, Owner& owner)
    : loop_(loop),
      fd_(fd),
      condition_(condition),
      owner_(owner),
      told_in_(loop.turn_number_),
      source_(watch_fd(loop.context(), fd, condition, [&owner, condition] { owner.fd_ready(condition); })) {
    const size_t index = static_cast<size_t>(fd);
    if (loop.watches_.size() <= index) loop.watches_.resize(index + 1);
    next_ = std::exchange(loop.watches_[index], this);
}

FdWatch::~FdWatch() {
    FdWatch** place = &loop_.watches_[static_cast<size_t>(fd_)];
    while (*place != this) place = &(*place)->next_;
    *place = next_;
}

EventLoop::EventLoop(GMainContext* context)
    : context_(g_main_context_ref(context ? context : g_main_context_default())),
      now_(read_clock()),
      turn_(attach_source<TurnSource>(this, INT_MIN)),
      timer_(attach_source<TimerSource>(this, G_PRIORITY_DEFAULT)) {
    g_main_context_set_poll_func(context_, poll);
}

EventLoop::~EventLoop() {
    while (due_) unlink(*due_);
    timer_.reset();
    turn_.reset();
    g_main_context_set_poll_func(context_, nullptr);
    g_main_context_unref(context_);
}

bool EventLoop::iterate(bool may_block) {
    iterating = this;
    turns_alone_ = 1;
    told_ = false;
    const bool dispatched = g_main_context_iteration(context_, may_block);
    iterating = nullptr;
    return dispatched || told_;
}

void EventLoop::run(const bool& stopped) {
    iterating = this;
    turns_alone_ = kMostTurnsAlone;
    stopped_ = &stopped;
    while (!stopped) g_main_context_iteration(context_, true);
    stopped_ = nullptr;
    // A signal interrupts poll(): what is readable by then has not been looked at.
    iterate(false);
    flush_all();
}

gint EventLoop::poll(GPollFD* fds, guint count, gint timeout) {
    return iterating ? iterating->poll_frames({fds, count}, timeout) : g_poll(fds, count, timeout);
}

/// GLib has prepared its sources and waits. While only frames come it need not know. A wakeup that brings
/// anything else is all GLib's, frames included: who has connected is let in before frames for it come.
gint EventLoop::poll_frames(std::span<GPollFD> fds, gint timeout) {
    const Time until = timeout < 0 ? kNever : read_clock() + milliseconds(timeout);
    for (unsigned turn = 1;; ++turn) {
        const gint ready = g_poll(fds.data(), static_cast<guint>(fds.size()), timeout);
        if (ready <= 0 || !are_watches(fds)) return ready;
        now_ = read_clock();
        ++turn_number_;
        const uint64_t made = sources_made();
        for (GPollFD& fd : fds) tell_watches(fd);
        told_ = true;
        flush_all();
        timeout = poll_timeout(now_, std::min(until, next_deadline()));
        if (timeout == 0 || made != sources_made() || turn >= turns_alone_ || is_stopped()) return 0;
    }
}

/// Whether all that is ready is waited for by a watch.
bool EventLoop::are_watches(std::span<const GPollFD> fds) const {
    return std::ranges::all_of(fds, [this](const GPollFD& fd) {
        return fd.revents == 0 || first_watch(fd.fd) != nullptr;
    });
}

FdWatch* EventLoop::first_watch(int fd) const {
    const size_t index = static_cast<size_t>(fd);
    return index < watches_.size() ? watches_[index] : nullptr;
}

/// Looked up anew after each call: those who are told make and destroy watches.
void EventLoop::tell_watches(GPollFD& fd) {
    FdWatch* watch = fd.revents != 0 ? first_watch(fd.fd) : nullptr;
    while (watch) {
        if (watch->told_in_ == turn_number_ || !watch->wants(fd.revents)) {
            watch = watch->next_;
            continue;
        }
        watch->told_in_ = turn_number_;
        watch->owner_.fd_ready(watch->condition_);
        watch = first_watch(fd.fd);
    }
    fd.revents = 0;
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
