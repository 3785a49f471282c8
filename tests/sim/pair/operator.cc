// SPDX-License-Identifier: GPL-2.0-or-later
// The model's operator: sees who is dead, chooses one side, and another one only when that one can never
// go on; gives the survivor a new secondary.
#include <algorithm>
#include <array>

#include "tests/sim/pair/world.h"

namespace colo::sim::pair {

namespace {

constexpr Time kPatience = seconds(150);
constexpr Time kLookEvery = milliseconds(20);
/// For what happens by itself.
constexpr Time kOperatorPatience = milliseconds(1500);
constexpr Time kOperatorPause = milliseconds(1000);
constexpr uint32_t kMostRefusals = 4;
/// After a migration that has come too far a QEMU can't be a secondary again.
constexpr uint32_t kMostStartFailures = 5;
/// Replies on each connection that show that it lives.
constexpr uint32_t kProof = 3;

}  // namespace

void World::look_after() {
    timeline_.at(timeline_.now() + kLookEvery, [this] { look_after(); });
    if (timeline_.now() >= stage_since_ + kPatience) {
        violated(std::string("nothing goes on; primary ") + primary_->proxy().mode() +
                 (secondary_ ? ", secondary " + secondary_->proxy().mode() : "") + clients_->describe());
    } else if (secondary_) {
        look_after_pair();
    } else {
        look_after_alone();
    }
}

/// Between pairs, and after the last.
void World::look_after_alone() {
    if (!clients_->have_heard(kProof)) return;
    if (pairs_left_ > 0) return make_pair();
    stage_ = Stage::kEnd;
}

void World::look_after_pair() {
    if (secondary_->is_well() && secondary_->proxy().is_alone()) return settle(*secondary_);
    if (is_left_to_primary()) return settle(*primary_);
    if (is_in_trouble()) {
        if (trouble_since_ == kNever) trouble_since_ = timeline_.now();
        if (timeline_.now() < std::max(trouble_since_ + kOperatorPatience, next_command_)) return;
        next_command_ = timeline_.now() + kOperatorPause;
        return command();
    }
    trouble_since_ = kNever;
    if (!is_formed_) return start();
    if (has_struck_ && strikes_at_ == 0 && clients_->have_heard(kProof)) survived_by_both();
}

/// There is no pair any more, or will not be one.
bool World::is_left_to_primary() const {
    const Proxy& proxy = primary_->proxy();
    if (!primary_->is_well() || proxy.is_paired()) return false;
    // Who has resigned is idle, too, and says nothing.
    if (is_formed_) return lone_ == primary_;
    return !secondary_->is_alive() || cable_->is_cut() || start_failures_ >= kMostStartFailures;
}

/// Enough of them, and the pair ends.
void World::survived_by_both() {
    clients_->count_from_here();
    has_struck_ = false;
    if (strikes_left_ > 0) return arm();
    if (pairs_left_ == 0) {
        stage_ = Stage::kEnd;
        return;
    }
    strikes_left_ = 1;
    timeline_.at(timeline_.now(), [this] { strike(); });
}

bool World::is_in_trouble() const {
    if (!primary_->is_well() || !secondary_->is_well() || cable_->is_cut()) return true;
    return is_formed_ && !(primary_->proxy().is_at_ease() && secondary_->proxy().is_at_ease());
}

/// Whoever was given up stays given up. It may be a while until it is switched off.
void World::settle(Machine& survivor) {
    Machine& lost = other(survivor);
    note("the survivor is " + survivor.link_path());
    result_.checkpoints += primary_->qemu().checkpoints();
    ++(&survivor == primary_ ? result_.alone : result_.takeovers);
    lost.is_retired = true;
    const bool is_harmless = !options_.survival.is_automatic;
    const Time at = timeline_.now() + (is_harmless ? milliseconds(static_cast<int64_t>(chance_.below(1500))) : Time(0));
    timeline_.at(at, [this, &lost] {
        kill_proxy(lost);
        lost.die();
    });
    cable_->close_door();
    cable_->cut(Cable::Cut::kClosed);
    primary_ = &survivor;
    secondary_ = nullptr;
    strikes_at_ = 0;
    stage_ = Stage::kAlone;
    stage_since_ = timeline_.now();
    clients_->count_from_here();
}

/// Who has served clients alone knows what nobody else does.
void World::command() {
    if (lone_ && !lone_->is_alive()) return outage("the survivor has died");
    Machine* chosen = lone_ ? lone_ : choose();
    if (!chosen) return;
    Machine& rejected = other(*chosen);
    // Who might go on of itself, or was told to, is switched off before.
    const bool may_speak = told_ == &rejected || rejected.is_fencing || (chosen == secondary_ && options_.survival.goes_solo);
    if (may_speak && rejected.is_alive()) kill_host(rejected);
    if (told_ != chosen) refusals_ = 0;
    told_ = chosen;
    tell(*chosen, !rejected.is_well() || refusals_ > 0);
}

Machine* World::choose() {
    if (told_ && told_->is_well() && !has_refused_) return told_;
    std::array<Machine*, 2> candidates{primary_, secondary_};
    if (!options_.survival.goes_solo && chance_.chance(500)) std::swap(candidates[0], candidates[1]);
    if (has_refused_ && candidates[0] == told_) std::swap(candidates[0], candidates[1]);
    for (Machine* machine : candidates) {
        const bool may_go_on = machine == primary_ || is_formed_;
        if (machine->is_well() && may_go_on && !(has_refused_ && machine == told_)) return machine;
    }
    const bool somebody_wakes_up = (primary_->is_alive() && !primary_->is_well()) ||
                                   (is_formed_ && secondary_->is_alive() && !secondary_->is_well());
    if (somebody_wakes_up) return nullptr;
    if (!is_formed_) {
        outage("the primary has died before there was a copy");
    } else if (primary_->is_well() || secondary_->is_well()) {
        violated("nobody goes on, though somebody might");
    } else {
        outage("nobody is left");
    }
    return nullptr;
}

void World::tell(Machine& machine, bool with_force) {
    note("the operator tells " + machine.link_path() + (with_force ? ", with force" : ""));
    machine.proxy().call([this, &machine, with_force](ProtectedVm& vm) {
        vm.fail_over(with_force, [this, &machine](const std::optional<std::string>& error) {
            note(machine.link_path() + " answers: " + error.value_or("done"));
            if (!error || &machine != told_) return;
            // Again and again, with force: it will not.
            if (++refusals_ >= kMostRefusals) has_refused_ = true;
        });
    });
}

}  // namespace colo::sim::pair
