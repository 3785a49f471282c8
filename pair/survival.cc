// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/survival.h"

#include <algorithm>
#include <utility>

#include "io/log.h"
#include "pair/peer_message.h"

namespace colo {

namespace {

constexpr const char* kWhat = "failover";
constexpr unsigned kAskAgainMs = 5;

std::string shown(Bytes payload) {
    constexpr size_t kMost = 256;
    return printable(text_of(payload.first(std::min(payload.size(), kMost))));
}

FailoverConfig failover_config(const SurvivalOptions& options) {
    FailoverConfig config;
    config.is_automatic = options.is_automatic;
    config.has_fence = !options.fence_command.empty();
    config.goes_solo = options.goes_solo;
    return config;
}

std::unique_ptr<Fencing> fencing(const SurvivalOptions& options, EventLoop& loop) {
    if (options.make_fencing) return options.make_fencing(loop);
    return std::make_unique<FenceCommand>(loop, options.fence_command);
}

}  // namespace

Survival::Survival(PairContext& context, Role role, const SurvivalOptions& options, Owner& owner)
    : context_(context),
      options_(options),
      owner_(owner),
      detector_(role, context.settings.health, context.settings.link_deadline),
      failover_(role, failover_config(options), *this),
      going_on_(role, GoingOnConfig{}, *this),
      fence_(fencing(options, context.loop)),
      timer_(context.loop, [this] { tick(); }) {
    set_timer();
}

void Survival::protect(bool peer_goes_solo) {
    failover_.protect(peer_goes_solo);
    look();
}

void Survival::settings_changed() {
    detector_.set_deadlines(context_.settings.health, context_.settings.link_deadline);
    next_beat_ = std::min(next_beat_, context_.now() + context_.settings.heartbeat);
    look();
}

// --- Facts ---------------------------------------------------------------------------------------

void Survival::qemu_is_gone() {
    detector_.vm_is_gone();
    tell_health();
}

void Survival::monitor_closed() {
    detector_.monitor_closed();
    tell_health();
}

void Survival::channel_ended(bool is_paired) {
    going_on_.channel_ended();
    if (is_paired && !has_left_) qemu_is_gone();
}

/// The peer need not wait for the next heartbeat.
void Survival::tell_health() {
    if (LinkSession* session = context_.link.session()) {
        session->set_heartbeat(0, encode(detector_.health(context_.now())));
        session->send_heartbeat();
    }
    look();
}

void Survival::link_found() {
    detector_.link_opened(context_.now());
    look();
}

void Survival::link_lost(const std::string& why) {
    detector_.link_closed(why);
    look();
}

/// Of a broken channel the peer need not know; of its VM's failure it is told with the same words.
void Survival::heard(const VmHealth& peer) {
    detector_.heard(peer, context_.now());
    look();
    failover_.peer_heard();
    if (!peer.is_gone && peer.phase == ColoPhase::kBroken) failover_.pair_broken("the peer's migration channel is broken");
    set_timer();
}

bool Survival::peer_said(PeerProcedure procedure, Bytes payload) {
    switch (procedure) {
        case PeerProcedure::kResign:
            if (failover_.state() != Failover::State::kUnprotected)
                owner_.peer_changed("resigned", shown(payload));
            failover_.peer_resigned();
            break;
        case PeerProcedure::kStandDown:
            failover_.told_to_stand_down();
            break;
        case PeerProcedure::kRefusal:
            failover_.refused(shown(payload));
            break;
        default:
            return false;
    }
    set_timer();
    return true;
}

void Survival::tick() {
    if (context_.now() >= next_beat_) beat();
    failover_.tick(context_.now());
    going_on_.tick(context_.now());
    look();
}

/// What each heartbeat says is renewed as often as one is sent.
void Survival::beat() {
    next_beat_ = context_.now() + context_.settings.heartbeat;
    ping();
    if (LinkSession* session = context_.link.session())
        session->set_heartbeat(0, encode(detector_.health(context_.now())));
}

void Survival::ping() {
    if (!context_.qemu.is_ready() || std::exchange(ping_is_owed_, true)) return;
    detector_.qmp_asked(context_.now());
    context_.qemu.query_running(guard_.wrap([this](bool, const std::optional<std::string>& error) {
        ping_is_owed_ = false;
        if (error) return;
        detector_.qmp_answered();
        failover_.local_vm_answers();
        set_timer();
    }));
}

void Survival::look() {
    if (const ColoChannel* channel = owner_.channel()) {
        detector_.channel(channel->phase(), channel->last_progress(), context_.now());
    } else {
        detector_.channel(std::nullopt, Time{0}, context_.now());
    }
    while (const auto verdict = detector_.look(context_.now())) apply(*verdict);
    if (detector_.health(context_.now()).phase == ColoPhase::kBroken)
        failover_.pair_broken("the migration channel is broken");
    set_timer();
}

void Survival::set_timer() {
    timer_.set(std::min({next_beat_, failover_.next_deadline(), going_on_.next_deadline()}));
}

void Survival::apply(const Verdict& verdict) {
    switch (verdict.who) {
        case Suspect::kLocalVm:
            owner_.vm_failed(verdict.failure);
            return failover_.local_vm_failed(verdict.failure);
        case Suspect::kPeerVm:
            if (verdict.failure) {
                log_error(kWhat, "the peer's VM has failed: " + *verdict.failure);
                owner_.peer_changed("failed", *verdict.failure);
            } else if (context_.link.session()) {
                owner_.peer_changed("connected", "its VM has recovered");
            }
            failover_.peer_vm_failed(verdict.failure);
            break;
        case Suspect::kLink:
            if (verdict.failure) {
                owner_.peer_changed("lost", *verdict.failure);
                failover_.link_lost();
            } else {
                failover_.link_found();
            }
            break;
    }
    if (verdict.failure && failover_.state() == Failover::State::kUnprotected)
        owner_.pair_failed(*verdict.failure);
}

// --- Failover ------------------------------------------------------------------------------------

void Survival::operator_wants(bool with_force, Answer answer) {
    if (const auto refusal = failover_.operator_wants(with_force, context_.now())) return answer(refusal);
    answer_ = std::move(answer);
    set_timer();
}

void Survival::answer_operator(const std::optional<std::string>& error) {
    if (const Answer answer = std::exchange(answer_, {})) answer(error);
}

void Survival::run_fence() {
    log_notice(kWhat, "the fence command runs");
    fence_->run(context_.settings.fence_deadline, [this](const std::string& why_not) {
        if (why_not.empty()) {
            log_notice(kWhat, "the peer is fenced");
        } else {
            log_error(kWhat, "the fence command failed: " + why_not + "; colo-proxy-failover with force decides");
        }
        failover_.fence_ended(why_not.empty());
        set_timer();
    });
}

void Survival::send_resign(const std::string& why) {
    log_warning(kWhat, "our VM is given up: " + why);
    context_.link.say_after_packets(PeerProcedure::kResign, why);
}

void Survival::send_refusal(const std::string& why) {
    context_.link.say(PeerProcedure::kRefusal, why);
}

// --- Going on ------------------------------------------------------------------------------------

void Survival::leave() {
    if (going_on_.next_deadline() != kNever) return;  // it is being left
    going_on_.start(context_.now());
}

void Survival::prepare() {
    has_left_ = true;
    owner_.leave_pair();
    set_timer();
}

void Survival::lose_heartbeat() {
    context_.qemu.lose_heartbeat(guard_.wrap([this](const std::optional<std::string>& error) {
        if (error) return log_warning(kWhat, *error);
        going_on_.heartbeat_lost();
        ask_whether_it_runs();
    }));
}

void Survival::ask_whether_it_runs() {
    if (going_on_.next_deadline() == kNever) return;
    context_.qemu.query_running(guard_.wrap([this](bool runs, const std::optional<std::string>&) {
        if (runs) return going_on_.vm_runs();
        ask_again_ = after(context_.loop.context(), kAskAgainMs, [this] { ask_whether_it_runs(); });
    }));
}

void Survival::yank() {
    log_warning(kWhat, "QEMU does not answer: its migration channel is yanked");
    context_.qemu.yank([](const std::optional<std::string>& error) {
        if (error) log_warning(kWhat, *error);
    });
}

void Survival::redirect() {
    context_.qemu.redirect(guard_.wrap([this](const std::optional<std::string>& error) {
        redirect_problem_ = error.value_or("");
        if (error) log_error(kWhat, "our VM's frames go past us: " + *error);
        going_on_.redirected();
    }));
}

/// Whoever gets the operator's answer may look at once.
void Survival::gone_on() {
    owner_.gone_on(redirect_problem_);
    failover_.gone_on();
    detector_.peer_left();
}

void Survival::could_not_go_on(const std::string& why) {
    log_error(kWhat, "our VM cannot go on alone: " + why);
    failover_.could_not_go_on(why);
}

}  // namespace colo
