// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/link/world.h"

#include <algorithm>

namespace colo::sim {

namespace {

constexpr int kSteps = 400;
constexpr int kMostConcluding = 100'000;

}  // namespace

LinkResult LinkWorld::run() {
    for (int i = 0; i < kSteps && judge_.is_content(); ++i) step();
    if (dies_ && random_.chance(500)) {  // with all that is under way
        lose(a_);
        lose(b_);
    }
    for (int i = 0; i < kMostConcluding && !(a_.is_quiet() && b_.is_quiet()) && judge_.is_content(); ++i) {
        a_.conclude();
        b_.conclude();
        move();
    }
    a_.check(b_);
    b_.check(a_);
    return judge_.result;
}

void LinkWorld::step() {
    const uint64_t what = random_.below(10);
    if (what < 3) return a_.act();
    if (what < 6) return b_.act();
    if (dies_ && random_.below(300) == 0) lose(random_.chance(500) ? a_ : b_);
    move();
}

/// Of either direction some goes onto the wire, some comes off it; the ends notice a death when the
/// other end's last words have come.
void LinkWorld::move() {
    to_b_ += a_.take(random_.below(30'000));
    to_a_ += b_.take(random_.below(30'000));
    arrive(to_b_, b_);
    arrive(to_a_, a_);
    if (a_.has_ended() && to_b_.empty()) b_.lose();
    if (b_.has_ended() && to_a_.empty()) a_.lose();
}

void LinkWorld::arrive(std::string& wire, LinkEnd& end) {
    const std::string part = wire.substr(0, random_.below(20'000));
    wire.erase(0, part.size());
    if (!part.empty() && !end.has_ended()) end.give(part);
}

void LinkWorld::lose(LinkEnd& end) {
    judge_.result.died = true;
    end.lose();
}

}  // namespace colo::sim
