// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/world.h"

#include <algorithm>
#include <array>

#include "io/call_guard.h"
#include "tests/sim/pair/kernel.h"

namespace colo::sim::pair {

namespace {

constexpr Time kBegin = seconds(1000);
/// About.
constexpr uint64_t kMessagesACheckpoint = 80;

}  // namespace

const char* to_string(Fate fate) {
    constexpr std::array names{"primary's VM dies",     "secondary's VM dies",      "primary's proxy dies", "secondary's proxy dies",
                               "primary's host dies",   "secondary's host dies",    "the link is cut",      "the link is cut for a while",
                               "primary's VM stops",    "secondary's VM stops",     "primary's proxy stops", "secondary's proxy stops",
                               "the primary is told",   "the secondary is told",    "the pair is ended"};
    static_assert(names.size() == static_cast<size_t>(Fate::kCount));
    return names[static_cast<size_t>(fate)];
}

/// A command that takes its time, and may fail, or fail to say that it has not.
class World::FenceOfModel final : public Fencing {
  public:
    FenceOfModel(World& world, size_t machine) : world_(world), machine_(machine) {}
    void run(Time, Done done) override { world_.fence(*world_.machines_[machine_], guard_.wrap(std::move(done))); }

  private:
    World& world_;
    const size_t machine_;
    CallGuard guard_;  ///< the command may take longer than whoever has ordered it lives
};

World::World(uint64_t seed, const Plan& plan)
    : chance_(seed),
      plan_(plan),
      timeline_(kBegin),
      loss_permille_(chance_.chance(500) ? 0 : static_cast<uint32_t>(chance_.below(20))),
      pairs_left_(plan.pairs > 0 ? plan.pairs : 1 + static_cast<uint32_t>(chance_.below(3))) {
    set_clock(kBegin);
    choose_options();
    timeline_.at_boundary = [this](uint64_t number) {
        if (strikes_at_ > 0 && number == strikes_at_) strike();
    };
    const Whims whims{static_cast<uint32_t>(chance_.below(60)), static_cast<uint32_t>(chance_.below(30)),
                      static_cast<uint32_t>(chance_.below(20))};
    clients_ = std::make_unique<Clients>(
        timeline_, chance_.fork(), whims, [this](const Packet& packet) { to_machines(packet); },
        [this](const std::string& what) { violated(what); });
    primary_ = add_machine(Role::kPrimary);
    for (uint16_t port = 30000; port < 30005; ++port) clients_->open(port, port < 30002);
    stage_since_ = timeline_.now();
    timeline_.at(timeline_.now(), [this] { look_after(); });
}

World::~World() {
    for (const auto& machine : machines_) machine->die();
}

void World::choose_options() {
    const auto ms = [this](uint64_t low, uint64_t high) { return milliseconds(static_cast<int64_t>(chance_.between(low, high))); };
    PairSettings& settings = options_.settings;
    settings.heartbeat = ms(30, 100);
    settings.link_deadline = ms(300, 600);
    settings.health.vm = ms(300, 700);
    settings.health.checkpoint = ms(300, 700);
    // Where nothing is left to chance a few checkpoints come soon.
    settings.max_interval = plan_.pairs > 0 ? ms(10, 30) : ms(150, 1500);
    settings.compare.compare_timeout = ms(30, 200);
    if (chance_.chance(200)) settings.policy.simple = {2, seconds(2), milliseconds(100), milliseconds(600)};
    const bool has_fence = chance_.chance(500);
    options_.survival.is_automatic = has_fence && chance_.chance(700);
    options_.survival.goes_solo = !options_.survival.is_automatic && chance_.chance(300);
    options_.survival.fence_command = has_fence ? "the model's" : "";
}

Result World::run() {
    while (!is_over()) {
        try {
            if (!timeline_.step()) violated("nothing happens any more");
        } catch (const std::exception& error) {
            violated(std::string("an exception: ") + error.what());
        }
    }
    if (secondary_) result_.checkpoints += primary_->qemu().checkpoints();
    result_.replies = clients_->replies();
    return std::move(result_);
}

// --- Hosts ---------------------------------------------------------------------------------------

Machine* World::add_machine(Role role) {
    const size_t index = machines_.size();
    ProtectedVmOptions options = options_;
    options.survival.make_fencing = [this, index](EventLoop&) { return std::make_unique<FenceOfModel>(*this, index); };
    Machine::Observer& observer = *this;
    machines_.push_back(std::make_unique<Machine>(timeline_, chance_.fork(), folder_.file(std::to_string(index)), role,
                                                  std::move(options), snapshots_, observer));
    return machines_.back().get();
}

void World::make_pair() {
    --pairs_left_;
    const std::string folder = folder_.file(std::to_string(machines_.size()));
    cables_.push_back(std::make_unique<Cable>(timeline_, chance_.fork(), folder + ".link", primary_->link_path(),
                                              [this, index = machines_.size(), primary = primary_](size_t end) {
                                                  Machine& machine = end == 0 ? *primary : *machines_.at(index);
                                                  machine.proxy().wake();
                                              }));
    cable_ = cables_.back().get();
    secondary_ = add_machine(Role::kSecondary);
    primary_->peer = secondary_;
    secondary_->peer = primary_;
    primary_->cable = secondary_->cable = cable_;
    primary_->end = 0;
    secondary_->end = 1;
    stage_ = Stage::kPair;
    stage_since_ = timeline_.now();
    is_formed_ = is_starting_ = has_struck_ = has_refused_ = has_lost_news_ = false;
    lone_ = told_ = nullptr;
    refusals_ = start_failures_ = 0;
    trouble_since_ = kNever;
    pair_began_at_ = timeline_.boundaries();
    strikes_left_ = plan_.pairs > 0 ? 1 : 1 + static_cast<uint32_t>(chance_.below(3));
    note("a new pair: hosts " + primary_->link_path() + ", " + secondary_->link_path());
    clients_->hurry();
    arm();
}

void World::start() {
    if (std::exchange(is_starting_, true)) return;
    primary_->proxy().call([this](ProtectedVm& vm) {
        const auto answered = [this](const std::optional<std::string>& error) {
            if (error) note("start: " + *error);
            if (error) ++start_failures_;
            is_starting_ = false;
        };
        vm.status().mode == std::string("unprotected") ? vm.reprotect({}, answered) : vm.start(answered);
    });
}

void World::machine_turned(Machine&) {
    for (const auto& cable : cables_) cable->pump();
}

void World::machine_told(Machine& machine, const std::string& event) {
    note(machine.link_path() + ": " + event);
    if (event.find("this VM has been given up") != std::string::npos) machine.resigned_at = timeline_.now();
    // By its own word, whatever it does then.
    if (event.find("COLO_PROXY_PEER {\"state\":\"resigned\"") == 0 && machine.peer && !machine.peer->resigned_at)
        machine.peer->resigned_at = timeline_.now();
    if (event.find("COLO_PROXY_DIVERGENCE") == 0) strike_soon();
    if (event.find("COLO_PROXY_PEER {\"state\":\"lost\"") == 0) machine.lost_at = timeline_.now();
    if (event.find("COLO_PROXY_PEER {\"state\":\"connected\"") == 0) machine.lost_at.reset();
    if (!secondary_ || is_formed_ || event.find("COLO_PROXY_MODE {\"mode\":\"lockstep\"") != 0) return;
    // From here on it may take over.
    if (&machine != secondary_) return violated("protected by a secondary that does not know it");
    is_formed_ = true;
    lone_ = told_ = nullptr;
    has_refused_ = false;  // what a machine without a pair could not do it can now
    refusals_ = 0;
    ++result_.pairs;
}

// --- Fate ----------------------------------------------------------------------------------------

/// Half of the time between two messages, else at any time.
void World::arm() {
    strikes_at_ = 0;
    const bool is_last = pairs_left_ == 0;
    if (plan_.pairs > 0 && plan_.boundary > 0 && is_last) {
        strikes_at_ = pair_began_at_ + plan_.boundary;
    } else if (plan_.pairs == 0 && chance_.chance(600)) {
        strikes_at_ = timeline_.boundaries() + 1 + chance_.below(chance_.chance(300) ? 800 : 6000);
    } else if (plan_.pairs == 0 || !is_last) {
        timeline_.at(timeline_.now() + milliseconds(static_cast<int64_t>(chance_.below(2500))),
                     [this, pair = secondary_] { if (secondary_ == pair && !has_struck_) strike(); });
    }
}

/// Where output is held that one VM alone has said, and a checkpoint follows.
void World::strike_soon() {
    if (strikes_at_ == 0 || plan_.pairs > 0 || !chance_.chance(250)) return;
    strikes_at_ = timeline_.boundaries() + 1 + chance_.below(kMessagesACheckpoint);
}

void World::strike() {
    strikes_at_ = 0;
    if (!secondary_ || strikes_left_ == 0) return;
    --strikes_left_;
    has_struck_ = true;
    result_.boundaries = timeline_.boundaries() - pair_began_at_;
    Fate fate = static_cast<Fate>(chance_.below(static_cast<uint64_t>(Fate::kCount)));
    if (plan_.pairs > 0) fate = pairs_left_ == 0 ? plan_.fate.value_or(Fate::kStopped) : Fate::kPrimaryHost;
    note(std::string("fate: ") + to_string(fate));
    clients_->count_from_here();
    act(fate);
}

void World::act(Fate fate) {
    switch (fate) {
        case Fate::kPrimaryVm:
            return kill_qemu(*primary_);
        case Fate::kSecondaryVm:
            return kill_qemu(*secondary_);
        case Fate::kPrimaryProxy:
            return kill_proxy(*primary_);
        case Fate::kSecondaryProxy:
            return kill_proxy(*secondary_);
        case Fate::kPrimaryHost:
            return kill_host(*primary_);
        case Fate::kSecondaryHost:
            return kill_host(*secondary_);
        case Fate::kLink:
            return cut_link();
        case Fate::kLinkBriefly:
            cut_link();
            return timeline_.at(timeline_.now() + milliseconds(static_cast<int64_t>(chance_.below(1500))),
                                [cable = cable_] { cable->mend(); });
        case Fate::kPrimaryVmStops:
            return stop_for_a_while(primary_->qemu());
        case Fate::kSecondaryVmStops:
            return stop_for_a_while(secondary_->qemu());
        case Fate::kPrimaryProxyStops:
            return stop_for_a_while(primary_->proxy());
        case Fate::kSecondaryProxyStops:
            return stop_for_a_while(secondary_->proxy());
        case Fate::kPrimaryTold:
            return tell(*primary_, true);
        case Fate::kSecondaryTold:
            return tell(*secondary_, true);
        case Fate::kStopped:
            return primary_->proxy().call([this](ProtectedVm& vm) {
                vm.stop([this](const std::optional<std::string>& error) { note("stop: " + error.value_or("done")); });
            });
        case Fate::kCount:
            return;
    }
}

void World::stop_for_a_while(Part& part) {
    part.set_stopped(true);
    // Longer, too, than a QEMU that is to go on alone is waited for.
    const uint64_t most = chance_.chance(150) ? 9000 : 2500;
    timeline_.at(timeline_.now() + milliseconds(static_cast<int64_t>(chance_.below(most))), [&part] {
        part.set_stopped(false);
    });
}

void World::kill_qemu(Machine& machine) {
    machine.qemu().die();
    machine.proxy().wake();
}

void World::cut_link() {
    has_lost_news_ = true;
    cable_->cut(chance_.chance(500) ? Cable::Cut::kClosed : Cable::Cut::kSilent);
}

void World::kill_proxy(Machine& machine) {
    has_lost_news_ = true;
    if (machine.cable) machine.cable->silence(machine.end);
    machine.proxy().die();
    machine.qemu().wake();
    if (machine.cable) machine.cable->pump();
}

/// What was under way is lost, and the network may not tell.
void World::kill_host(Machine& machine) {
    if (machine.cable && chance_.chance(500)) machine.cable->cut(Cable::Cut::kSilent);
    kill_proxy(machine);
    machine.die();
}

void World::fence(Machine& by, const Fencing::Done& done) {
    // Longer, too, than a link is lost.
    const Time takes = milliseconds(static_cast<int64_t>(chance_.below(chance_.chance(300) ? 2500 : 40)));
    by.is_fencing = true;
    timeline_.at(timeline_.now() + takes, [this, &by, done] {
        by.is_fencing = false;
        if (!by.proxy().is_alive()) return;
        const bool works = !chance_.chance(200);
        if (by.peer && by.peer->is_alive() && (works || chance_.chance(300))) kill_host(*by.peer);
        note(by.link_path() + (works ? ": has fenced" : ": its fence command fails"));
        by.proxy().call([done, works](ProtectedVm&) { done(works ? "" : "exit status 1"); });
    });
}

// --- The network ---------------------------------------------------------------------------------

void World::machine_sent(Machine& machine, const std::string& frame) {
    judge(machine);
    if (frame.compare(12, 2, "\x08\0", 2) != 0) {
        ++machine.announcements;
        return;
    }
    const Packet packet = decode(ByteVector(frame.begin(), frame.end()));
    clients_->seen(packet, has_lost_news_);
    to_clients(packet);
}

void World::judge(Machine& machine) {
    const auto is_past = [this](const std::optional<Time>& at) { return at && timeline_.now() > *at + Machine::kFlushes; };
    // A primary that has not noticed yet that its link is lost lets out what both VMs have said.
    const bool is_compared = machine.end == 0 && machine.proxy().is_paired() && !is_past(machine.lost_at);
    if (is_past(machine.resigned_at) || (machine.is_retired && !is_compared))
        return violated("a VM that was given up speaks: " + machine.link_path());
    if (!secondary_) return;
    const bool is_secondary = &machine == secondary_;
    if (is_secondary && !is_formed_) return violated("a secondary that never was a copy speaks");
    const bool is_alone = is_secondary || !(machine.proxy().is_paired() || machine.resigned_at);
    if (!is_alone || !is_formed_) return;
    if (lone_ && lone_ != &machine) return violated("two survivors");
    lone_ = &machine;
}

void World::to_clients(const Packet& packet) {
    if (chance_.chance(loss_permille_)) return;
    last_to_clients_ = std::max(last_to_clients_, timeline_.now() + microseconds(static_cast<int64_t>(chance_.between(20, 300))));
    timeline_.at(last_to_clients_, [this, packet] { clients_->arrive(packet); });
}

void World::to_machines(const Packet& packet) {
    if (chance_.chance(loss_permille_)) return;
    last_to_machines_ = std::max(last_to_machines_, timeline_.now() + microseconds(static_cast<int64_t>(chance_.between(20, 300))));
    const ByteVector bytes = encode(packet);
    timeline_.at(last_to_machines_, [this, frame = std::string(bytes.begin(), bytes.end())] {
        for (const auto& machine : machines_) machine->arrive(frame);
    });
}

// --- Verdicts ------------------------------------------------------------------------------------

void World::outage(const std::string& why) {
    note("an outage: " + why);
    result_.outage = why;
}

void World::violated(const std::string& what) {
    note("WRONG: " + what);
    if (result_.violation.empty()) result_.violation = what;
}

void World::note(const std::string& what) {
    result_.story.push_back(std::to_string((timeline_.now() - kBegin) / microseconds(1)) + " us: " + what);
}

}  // namespace colo::sim::pair
