// SPDX-License-Identifier: GPL-2.0-or-later
// What happens next: a discrete clock, and events in its order. Those of one moment keep the order in
// which they were put down.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "packet/time.h"
#include "tests/sim/random.h"

namespace colo::sim::pair {

class Timeline {
  public:
    using Event = std::function<void()>;

    explicit Timeline(Time begin) : now_(begin) {}
    Timeline(const Timeline&) = delete;
    Timeline& operator=(const Timeline&) = delete;

    Time now() const { return now_; }
    void at(Time when, Event event) { events_.push({std::max(when, now_), number_++, std::move(event)}); }
    /// False: nothing will happen any more.
    bool step() {
        if (events_.empty()) return false;
        const Event event = std::move(const_cast<Item&>(events_.top()).event);
        now_ = events_.top().at;
        events_.pop();
        event();
        return true;
    }

    /// Somebody is about to take a message: who dies "at a boundary" dies here.
    void boundary() {
        ++boundaries_;
        if (at_boundary) at_boundary(boundaries_);
    }
    uint64_t boundaries() const { return boundaries_; }
    std::function<void(uint64_t number)> at_boundary;

  private:
    struct Item {
        Time at;
        uint64_t number;
        Event event;

        bool operator<(const Item& other) const {
            return at != other.at ? at > other.at : number > other.number;
        }
    };

    Time now_;
    uint64_t number_ = 0;
    uint64_t boundaries_ = 0;
    std::priority_queue<Item> events_;
};

/// Runs by itself: has a turn some time after it was woken, while it is alive and not stopped.
class Part {
  public:
    Part(Timeline& timeline, Random chance) : timeline_(timeline), chance_(chance) {}
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    virtual ~Part() = default;

    /// There is something to do.
    void wake() { wake_at(now() + Time(chance_.between(kShortest, kLongest))); }
    void wake_at(Time when) {
        if (!is_alive_ || when >= next_turn_) return;
        next_turn_ = when;
        timeline_.at(when, [this, when] { turn_at(when); });
    }
    bool is_alive() const { return is_alive_; }
    /// SIGSTOP, SIGCONT.
    bool is_stopped() const { return is_stopped_; }
    void set_stopped(bool is_stopped) {
        is_stopped_ = is_stopped;
        if (!is_stopped) wake();
    }
    bool is_well() const { return is_alive_ && !is_stopped_; }

  protected:
    virtual void turn() = 0;
    void set_dead() { is_alive_ = false; }

    Time now() const { return timeline_.now(); }
    Timeline& timeline() { return timeline_; }
    Random& chance() { return chance_; }

  private:
    // Nanoseconds between being woken and running.
    static constexpr uint64_t kShortest = 5'000;
    static constexpr uint64_t kLongest = 120'000;

    void turn_at(Time when) {
        if (next_turn_ != when) return;
        next_turn_ = kNever;
        if (is_well()) turn();
    }

    Timeline& timeline_;
    Random chance_;
    Time next_turn_ = kNever;
    bool is_alive_ = true;
    bool is_stopped_ = false;
};

}  // namespace colo::sim::pair
