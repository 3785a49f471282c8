// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/protected_vm.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "filter/flow_json.h"
#include "io/log.h"
#include "io/stream_socket.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr unsigned kListenAgainMs = 1000;
constexpr unsigned kStartAgainMs = 1000;
/// Whoever starts a host does not start all of it at once.
constexpr unsigned kMissedAfterMs = 5000;

uint64_t random_id() {
    uint64_t id = 0;
    while (id == 0) {
        if (getrandom(&id, sizeof id, 0) != sizeof id) throw std::runtime_error("getrandom fails");
    }
    return id;
}

FileDescriptor connect_to(const std::string& path) {
    FileDescriptor fd = connect_unix(unix_address(path));
    if (!fd) throw std::runtime_error("incoming QEMU at unix:" + path + ": " + std::strerror(errno));
    return fd;
}

}  // namespace

ProtectedVm::ProtectedVm(FilterHost& host, ProtectedVmOptions options)
    : Object(kType, kId),
      host_(host),
      options_(std::move(options)),
      settings_(options_.settings),
      role_(options_.role),
      situation_(role_ == Role::kPrimary ? Situation::kIdle : Situation::kStandby),
      nics_(host.loop()),
      link_(host.loop(), host.pool(), options_.link, *this),
      qemu_(host.loop(), to_string(role_), options_.make_qmp, *this),
      context_{host.loop(), nics_, link_, qemu_, settings_},
      max_interval_(settings_.max_interval),
      wants_start_(options_.starts) {
    identity_.process = random_id();
}

ProtectedVm::~ProtectedVm() = default;

// --- The object ----------------------------------------------------------------------------------

void ProtectedVm::complete() {
    settings_.check();
    if (options_.survival.is_automatic && options_.survival.fence_command.empty())
        log_warning(kId, "--failover auto without --fence: nobody goes on without being told to");
    for (const auto& names : options_.nics) open_nic(names);
    link_.set_identity(identity_);
    link_.set_times(settings_.heartbeat, settings_.link_deadline);
    if (role_ == Role::kPrimary) {
        renew_survival();
        listen_for_migration();
        link_.listen();
    } else {
        stand_by();
        link_.connect();
    }
}

Nic& ProtectedVm::open_nic(const ProtectedVmOptions::NicNames& names) {
    Nic::Owner& owner = *this;
    const auto index = static_cast<uint32_t>(nics_.all().size());
    nics_.add(std::make_unique<Nic>(host_, index, host_.netdev(what(), "vm", names.vm),
                                    host_.netdev(what(), "uplink", names.uplink), settings_.compare, owner));
    if (role_ == Role::kPrimary) nics_.all().back()->become_primary();
    return *nics_.all().back();
}

uint32_t ProtectedVm::add_nic(const ProtectedVmOptions::NicNames& names) {
    const bool is_resting = situation_ == Situation::kIdle || situation_ == Situation::kStandby;
    if (!is_resting) throw std::runtime_error("the VM is protected: it cannot have another NIC");
    Nic& nic = open_nic(names);
    if (secondary_) nic.become_secondary();
    return nic.index();
}

std::vector<Property> ProtectedVm::properties() {
    return settings_.properties([this] { settings_changed(); });
}

/// QEMU's own timer gets its new value with a checkpoint.
void ProtectedVm::settings_changed() {
    settings_.check();
    const bool is_news = std::exchange(max_interval_, settings_.max_interval) != settings_.max_interval;
    if (is_news && primary_ && primary_->is_in_lockstep()) request(Reason::kPolicyChange);
    nics_.each([this](Nic& nic) { nic.configure(settings_.compare); });
    if (primary_) primary_->configure(settings_.policy);
    link_.set_times(settings_.heartbeat, settings_.link_deadline);
    survival_->settings_changed();
    touched();
}

std::vector<Comparator*> ProtectedVm::comparators() {
    std::vector<Comparator*> all;
    nics_.each([&](Nic& nic) {
        if (nic.primary()) all.push_back(&nic.primary()->comparator());
    });
    return all;
}

const char* ProtectedVm::mode() const {
    if (situation_ == Situation::kPaired && has_gap_) return "unprotected";
    if (situation_ == Situation::kPaired) return primary_ && !primary_->compares() ? "simple" : "lockstep";
    const Situation shown = situation_ == Situation::kStarting ? resting_ : situation_;
    return shown == Situation::kAlone ? "unprotected" : "idle";
}

ComparingStatus ProtectedVm::status() const {
    ComparingStatus status;
    status.mode = mode();
    status.role = to_string(role_);
    status.peer = peer_state_;
    status.epoch = last_epoch_;
    if (primary_) status.epoch = primary_->epoch();
    if (secondary_) status.epoch = secondary_->committed().value_or(last_epoch_);
    status.checkpoints = checkpoints_;
    for (size_t i = 0; primary_ && i < kReasons; ++i)
        status.checkpoints[i] += primary_->policy().counters().by_reason[i];
    return status;
}

void ProtectedVm::need_checkpoints() const {
    if (const auto broken = why_broken()) throw std::runtime_error(*broken);
    if (primary_ && primary_->is_in_lockstep()) return;
    throw std::runtime_error(role_ == Role::kSecondary ? "this is the secondary: ask the primary"
                                                       : "the VM is not protected: nobody can make a checkpoint");
}

void ProtectedVm::ask_for_checkpoint(Reason reason) {
    need_checkpoints();
    request(reason);
}

void ProtectedVm::request(Reason reason) {
    CheckpointRequest request;
    request.reason = reason;
    request.when = context_.now();
    primary_->request(request);
}

// --- Filters that are switched off ---------------------------------------------------------------

bool ProtectedVm::has_bypass() const {
    return std::ranges::any_of(nics_.all(), [](const auto& nic) { return nic->is_bypassed(); });
}

void ProtectedVm::bypass(uint32_t index, bool bypassed) {
    if (role_ == Role::kSecondary && bypassed)
        throw std::runtime_error("beside a secondary's VM the filter cannot be off: both VMs would be heard");
    const Failover::State state = survival_->state();
    const bool is_settled = state == Failover::State::kUnprotected || state == Failover::State::kProtected ||
                            state == Failover::State::kAlone;
    if (bypassed && (!is_settled || situation_ == Situation::kStarting || situation_ == Situation::kResigned))
        throw std::runtime_error("it is not decided who goes on, or the start is not over: the filter cannot be off");
    const bool is_paired = primary_ && situation_ == Situation::kPaired;
    nics_.find(index)->bypass(bypassed, is_paired);
    if (!is_paired) return;
    if (!bypassed) return request(Reason::kPolicyChange);
    has_gap_ = true;
    say_protected();
    tell_mode("a filter is off");
}

bool ProtectedVm::is_resting() const {
    if (situation_ == Situation::kStandby) return !secondary_->has_begun();
    return situation_ == Situation::kIdle;
}

void ProtectedVm::forget_nic(uint32_t nic) { nics_.remove(nic); }

uint64_t ProtectedVm::held(uint32_t nic) {
    const PrimaryPath* path = nics_.find(nic)->primary();
    return path ? path->comparator().queued().primary_frames : 0;
}

/// The secondary of a VM with a gap must not go on without being forced to.
void ProtectedVm::say_protected() {
    const uint8_t needs_force = has_gap_ || survival_->goes_solo();
    link_.say(PeerProcedure::kProtected, Bytes(&needs_force, 1));
}

void ProtectedVm::touched() {
    nics_.each([](Nic& nic) { nic.touched(); });
}

void ProtectedVm::set_mode(Situation situation, const std::string& reason) {
    const std::string before = mode();
    situation_ = situation;
    if (before != mode()) tell_mode(reason);
}

void ProtectedVm::tell_mode(const std::string& reason) {
    log_notice(kId, std::string("mode ") + mode() + ": " + reason);
    host_.emit("COLO_PROXY_MODE", Json{{"mode", mode()}, {"reason", reason}});
}

// --- Frames --------------------------------------------------------------------------------------

bool ProtectedVm::send_packet(uint32_t kind, const Nic& nic, uint32_t epoch, Bytes bytes) {
    LinkSession* session = link_.session();
    if (!session || !peer_is_ours_) return true;
    if (session->send_packet({kind, nic.index(), epoch}, bytes) != PacketResult::kFull) return true;
    host_.dropped("link", "queue-full", 1, context_.now());
    if (primary_) request(Reason::kQueueFull);
    return false;
}

/// A secondary that took over would break that connection.
void ProtectedVm::base_is_lost(const Nic&) {
    link_.hang_up("the secondary reads too slowly to be told the numbers of all connections");
}

std::optional<uint32_t> ProtectedVm::input_epoch() const {
    if (secondary_) return secondary_->committed();
    if (primary_ && situation_ == Situation::kPaired) return primary_->epoch();
    return std::nullopt;
}

std::optional<uint32_t> ProtectedVm::output_epoch() const {
    return secondary_ ? secondary_->output_epoch() : std::nullopt;
}

void ProtectedVm::wants_checkpoint(const CheckpointRequest& request) {
    if (!primary_ || situation_ != Situation::kPaired) return;
    if (request.evidence && request.flow) host_.emit("COLO_PROXY_DIVERGENCE", divergence_json(request));
    primary_->request(request);
}

void ProtectedVm::secondary_is_full(const Nic&) {
    link_.say(PeerProcedure::kWantsCheckpoint, "no room for another connection");
}

void ProtectedVm::vm_link_changed(const Netdev& netdev, bool up, const std::string& why) {
    log_info(kId, netdev.what() + (up ? ": QEMU is there" : ": QEMU is gone: " + why));
    if (!up && situation_ == Situation::kPaired) survival_->qemu_is_gone();
    if (up) try_start();
}

void ProtectedVm::peer_packet(const PacketHeader& header, Frame&& frame) {
    if (!peer_is_ours_) return;
    if (header.kind == static_cast<uint32_t>(PacketKind::kFence)) {
        if (!secondary_) return violated("a fence for a primary");
        if (const auto wrong = secondary_->mark(header.epoch)) violated(*wrong);
        return;
    }
    Nic* nic = nics_.find(header.port);
    if (!nic) return violated("a packet for NIC " + std::to_string(header.port) + ", which is not there");
    if (header.kind == static_cast<uint32_t>(PacketKind::kFrame)) {
        nic->peer_frame(std::move(frame), header.epoch);
    } else if (header.kind == static_cast<uint32_t>(PacketKind::kOffsets)) {
        const auto message = decode_offset_message(frame.bytes());
        if (!message) return violated("offsets that are malformed");
        nic->peer_offsets(*message, header.epoch);
    } else if (header.kind == kQuestionPacket) {
        nic->peer_question(std::move(frame));
    } else {
        violated("a packet of kind " + std::to_string(header.kind));
    }
}

void ProtectedVm::violated(const std::string& what) {
    log_error("link", "the peer has sent " + what);
    if (link_.session()) link_.session()->close({LinkCode::kProtocol, what});
}

// --- The peer ------------------------------------------------------------------------------------

/// While a pair lasts, another process than the one it was made with is not its peer.
bool ProtectedVm::is_of_our_pair(const PeerIdentity& peer) const {
    const Failover::State state = survival_->state();
    if (state == Failover::State::kUnprotected || state == Failover::State::kAlone) return true;
    return peer.process == paired_with_ && peer.pair == identity_.process;
}

void ProtectedVm::set_pair(uint64_t process) {
    paired_with_ = process;
    identity_.pair = process;
    link_.set_identity(identity_);
}

void ProtectedVm::peer_connected(const PeerIdentity& peer) {
    const bool was_ours = std::exchange(peer_is_ours_, is_of_our_pair(peer));
    if (!peer_is_ours_) return turn_away();
    stranger_was_told_ = false;
    if (was_ours) return;
    peer_changed("connected", link_.address());
    survival_->link_found();
    // The primary may wait for the word of a copy that was never told of its pair.
    if (secondary_ && situation_ == Situation::kStandby && secondary_->has_begun())
        link_.say(PeerProcedure::kResign, "the link was lost before the copy was part of the pair");
    try_start();
}

/// The place is for our peer, whose link is lost; a stranger tries again.
void ProtectedVm::turn_away() {
    if (!std::exchange(stranger_was_told_, true))
        log_warning("link", "whoever has connected is not of our pair, which is not given up yet: turned away");
    link_.hang_up("a pair with another one is not given up here yet");
}

void ProtectedVm::peer_lost(const std::string& why) {
    if (std::exchange(peer_is_ours_, false)) survival_->link_lost(why);
    // The survivor's link is for another one.
    if (situation_ == Situation::kResigned) link_.stop("this VM has been given up");
}

void ProtectedVm::vm_failed(const std::optional<std::string>& why) {
    if (why) log_error(kId, "our VM has failed: " + *why);
    if (situation_ == Situation::kPaired && !peer_is_to_confirm_) tell_mode(why ? "our VM has failed: " + *why : "our VM has recovered");
}

void ProtectedVm::peer_changed(const char* state, const std::string& reason) {
    if (peer_state_ == state) return;
    peer_state_ = state;
    log_notice(kId, std::string("peer ") + state + ": " + reason);
    host_.emit("COLO_PROXY_PEER", Json{{"state", state}, {"reason", reason}});
}

void ProtectedVm::peer_heartbeat(Bytes payload) {
    const auto health = decode_health(payload);
    if (peer_is_ours_ && health) survival_->heard(*health);
}

void ProtectedVm::peer_said(PeerProcedure procedure, Bytes payload) {
    if (!peer_is_ours_ || survival_->peer_said(procedure, payload)) return;
    if (procedure == PeerProcedure::kProtected && secondary_ && payload.size() == 1 && may_be_protected()) {
        set_mode(Situation::kPaired, "the primary holds its output");
        survival_->protect(payload[0] != 0);
        link_.say(PeerProcedure::kProtected);
    } else if (procedure == PeerProcedure::kProtected && primary_ && payload.empty()) {
        peer_has_confirmed();
    } else if (procedure == PeerProcedure::kWantsCheckpoint && primary_) {
        request(Reason::kPeer);
    } else {
        log_warning("link", "the peer says what makes no sense here (procedure " +
                                std::to_string(static_cast<uint32_t>(procedure)) + ")");
    }
}

/// Of what has failed meanwhile, and of who has resigned, no word of the primary's makes a pair again.
bool ProtectedVm::may_be_protected() const {
    const bool is_one = situation_ == Situation::kPaired && survival_->state() == Failover::State::kProtected;
    return is_one || (situation_ == Situation::kStandby && secondary_->has_begun());
}

bool ProtectedVm::peer_called(const ControlHeader& header, Bytes payload) {
    switch (static_cast<PeerProcedure>(header.procedure)) {
        case PeerProcedure::kInspect:
            inspect_for(header.serial, payload);
            return true;
        case PeerProcedure::kPrepare:
            prepare_for(header.serial, payload);
            return true;
        default:
            return false;
    }
}

void ProtectedVm::reply(uint32_t serial, const std::optional<std::string>& error, Bytes payload) {
    if (!link_.session()) return;
    link_.session()->reply(serial, error ? LinkStatus{LinkCode::kFailed, *error} : LinkStatus{}, payload);
}

/// For a new pair.
void ProtectedVm::renew_survival() {
    Survival::Owner& owner = *this;
    survival_ = std::make_unique<Survival>(context_, role_, options_.survival, owner);
    if (peer_is_ours_) survival_->link_found();
}

// --- A secondary ---------------------------------------------------------------------------------

void ProtectedVm::stand_by() {
    set_mode(Situation::kStandby, "waits for a primary");
    renew_survival();
    nics_.forget();  // what an earlier side waited for
    SecondarySide::Owner& owner = *this;
    secondary_ = std::make_unique<SecondarySide>(context_, owner);
    nics_.each([](Nic& nic) { nic.become_secondary(); });
}

void ProtectedVm::inspect_for(uint32_t serial, Bytes payload) {
    if (payload.size() != 4) return reply(serial, "malformed");
    if (role_ != Role::kSecondary) return reply(serial, "this is no secondary any more");
    if (situation_ != Situation::kStandby) return reply(serial, std::string("it is ") + mode());
    if (options_.incoming_path.empty()) return reply(serial, "no --incoming was given");
    if (const uint32_t theirs = load_be32(payload.data()); theirs != nics_.all().size())
        return reply(serial, "the primary has " + std::to_string(theirs) + " NICs, the secondary " +
                                 std::to_string(nics_.all().size()));
    if (const auto missing = nics_.missing_vm(); !missing.empty())
        return reply(serial, "no VM: QEMU's netdev has not connected to " + missing);
    if (!qemu_.is_ready()) return reply(serial, "the secondary's QEMU does not answer: " + qemu_.problem());
    qemu_.inspect([this, serial](const VmFacts* facts, const std::optional<std::string>& error) {
        const std::string text = facts ? encode(*facts) : std::string();
        reply(serial, error, bytes_of(text));
    });
}

void ProtectedVm::prepare_for(uint32_t serial, Bytes payload) {
    if (payload.size() != 4) return reply(serial, "malformed");
    if (situation_ != Situation::kStandby) return reply(serial, "the secondary is not standing by");
    stand_by();
    ColoSettings settings;
    settings.checkpoint_delay_ms = load_be32(payload.data());
    settings.is_redirected = nics_.any_is_redirected();
    qemu_.set_up(Role::kSecondary, settings,
                 [this, serial](const std::optional<std::string>& error) { reply(serial, error); });
}

void ProtectedVm::peer_opened(std::unique_ptr<Stream> stream) {
    if (stream->service() != MigrationRelay::kService) {
        return stream->abort({LinkCode::kNoService, "there is no service '" + stream->service() + "'"});
    }
    if (!peer_is_ours_ || situation_ != Situation::kStandby || secondary_->has_begun())
        return stream->abort({LinkCode::kRefused, "the secondary is not standing by"});
    begin_incoming(std::move(stream));
}

void ProtectedVm::begin_incoming(std::unique_ptr<Stream> stream) {
    try {
        FileDescriptor socket = connect_to(options_.incoming_path);
        set_pair(link_.peer()->process);
        survival_->channel_opened();
        secondary_->begin(std::move(stream), std::move(socket));
        log_info(kId, "the primary's VM comes");
    } catch (const std::exception& error) {
        log_error(kId, error.what());
        if (stream) stream->abort({LinkCode::kFailed, error.what()});
    }
}

// --- A primary -----------------------------------------------------------------------------------

void ProtectedVm::listen_for_migration() {
    if (options_.migrate_path.empty() || migrate_listener_) return;
    migrate_listener_ = std::make_unique<Listener>(unix_at(options_.migrate_path));
    migrating_ = watch_fd(host_.loop().context(), migrate_listener_->fd(), G_IO_IN, [this] { accept_migration(); });
}

void ProtectedVm::accept_migration() {
    FileDescriptor socket(accept4(migrate_listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    if (situation_ != Situation::kStarting || !primary_ || primary_->is_attached())
        return log_warning(kId, "a migration that nobody asked for is refused: colo-proxy-start starts one");
    primary_->attach(std::move(socket));
}

std::string ProtectedVm::why_not_start() const {
    if (role_ != Role::kPrimary) return "this is the secondary: start at the primary";
    if (situation_ == Situation::kResigned) return "this VM has been given up";
    if (options_.migrate_path.empty()) return "no --migrate was given: QEMU has nowhere to migrate to";
    for (const auto& nic : nics_.all()) {
        if (!nic->is_bypassed()) continue;
        if (nic->vm().is_connected()) return "a filter is off";
        return "NIC " + std::to_string(nic->index()) + " was removed: its filter is to be made again";
    }
    return {};
}

void ProtectedVm::start(Answer answer) {
    if (const std::string why = why_not_start(); !why.empty()) return answer(why);
    if (const auto broken = why_broken()) return answer(broken);
    if (situation_ == Situation::kPaired && !peer_is_to_confirm_) return answer(std::nullopt);
    if (situation_ == Situation::kStarting && !start_) {
        survival_->leave();
        return answer("the start before this one is being taken back");
    }
    start_answers_.push_back(std::move(answer));
    if (situation_ == Situation::kStarting || situation_ == Situation::kPaired) return;
    peer_is_ours_ = link_.session() != nullptr;
    renew_survival();
    forget_last_pair();
    PairStart::Owner& owner = *this;
    start_ = std::make_unique<PairStart>(context_, "unix:" + options_.migrate_path, options_.disk_is_external, owner);
    starts_again_ = false;
    situation_ = Situation::kStarting;  // run() may fail, and tell, at once
    try {
        start_->run();
    } catch (const std::runtime_error& error) {
        situation_ = resting_;
        end_start(error.what());
    }
}

std::optional<std::string> ProtectedVm::why_broken() const {
    if (situation_ != Situation::kPaired) return std::nullopt;
    if (const auto& failure = survival_->local_failure()) return "the VM of this side has failed: " + *failure;
    if (survival_->state() == Failover::State::kProtected) return std::nullopt;
    return "the pair is broken (peer: " + peer_state_ + "), and it is not decided who goes on: colo-proxy-failover";
}

/// That this VM has survived; its figures stay.
void ProtectedVm::forget_last_pair() {
    checkpoints_ = status().checkpoints;
    secondary_.reset();
    primary_.reset();
}

void ProtectedVm::drop_start() {
    if (start_ && options_.start_progress) options_.start_progress(nullptr);
    start_.reset();
}

/// Once, with the start or its failure.
void ProtectedVm::end_start(const std::optional<std::string>& error) {
    drop_start();
    if (error && std::exchange(start_problem_, *error) != *error) log_error(kId, "cannot protect the VM: " + *error);
    if (!error) start_problem_.clear();
    for (const Answer& answer : std::exchange(start_answers_, {})) answer(error);
    if (!error || !wants_start_) return;
    // Nobody tells when the secondary's QEMU is there. A migration that fails is not tried again and again.
    const bool is_news = std::exchange(starts_again_, false);
    if (is_news || !primary_)
        start_again_ = after(host_.loop().context(), is_news ? 0 : kStartAgainMs, [this] { try_start(); });
}

std::optional<std::string> ProtectedVm::migration_begins() {
    LinkSession* session = link_.session();
    std::unique_ptr<Stream> stream = session ? session->open(MigrationRelay::kService) : nullptr;
    if (!stream) return "the secondary is gone";
    set_pair(link_.peer()->process);
    survival_->channel_opened();
    nics_.each([](Nic& nic) { nic.tell_offsets(); });
    PrimarySide::Owner& owner = *this;
    primary_ = std::make_unique<PrimarySide>(context_, std::move(stream), last_epoch_, owner);
    return std::nullopt;
}

void ProtectedVm::migration_progress(const MigrationProgress& progress) {
    if (options_.start_progress) options_.start_progress(&progress);
}

void ProtectedVm::migration_nears_its_end() {
    if (situation_ == Situation::kStarting && primary_) primary_->switch_over();
}

void ProtectedVm::vm_stopped() {
    if (primary_) primary_->vm_stopped();
}

void ProtectedVm::vm_resumed() {
    if (primary_) primary_->vm_resumed();
    try_start();
}

/// What QEMU has been told is taken back; the VM goes on as it was.
void ProtectedVm::start_failed(const std::string& why) {
    const std::string reason = start_ ? why + " (" + start_->step() + ")" : why;
    end_start(reason);
    if (!primary_) {
        situation_ = resting_;
        return;
    }
    rests_as_ = resting_;
    qemu_.cancel([](const std::optional<std::string>&) {});
    survival_->leave();
}

void ProtectedVm::pair_failed(const std::string& why) {
    if (situation_ == Situation::kStarting) start_failed(why);
}

void ProtectedVm::pair_began() {
    drop_start();
    peer_is_to_confirm_ = true;
    situation_ = Situation::kPaired;
    has_gap_ = false;
    say_protected();
    survival_->protect(false);
    wants_start_ = false;
}

/// Nobody is told before that the VM is protected: a secondary that does not know of it yet would not take
/// over, since a primary whose start has failed runs on freely.
void ProtectedVm::peer_has_confirmed() {
    if (!std::exchange(peer_is_to_confirm_, false)) return;
    tell_mode("both VMs run in lock-step");
    end_start(std::nullopt);
}

/// The pair is over, whether or not its secondary ever knew of it.
void ProtectedVm::end_confirming() {
    if (std::exchange(peer_is_to_confirm_, false)) end_start("the secondary was lost as soon as it was one");
}

void ProtectedVm::checkpoint_completed(const CheckpointRecord& record) {
    last_epoch_ = record.epoch;
    if (has_gap_ && !has_bypass()) {
        has_gap_ = false;
        say_protected();
        tell_mode("no filter is off any more");
    }
    Json event = checkpoint_json(record.request, record.epoch, record.duration());
    event["released-frames"] = record.released_frames;
    event["released-bytes"] = record.released_bytes;
    event["input-exact"] = record.input_was_exact;
    host_.emit("COLO_PROXY_CHECKPOINT", event);
    log_notice(kId, "checkpoint " + std::to_string(record.epoch) + ": " + describe_request(record.request) + ", " +
                        std::to_string(record.duration() / microseconds(1)) + " us, " +
                        std::to_string(record.released_frames) + " frames released" +
                        (record.input_was_exact ? "" : ", input not exact"));
}

void ProtectedVm::compare_mode_changed(bool compares) {
    tell_mode(compares ? "calm again" : "too many checkpoints");
}

void ProtectedVm::channel_ended(const std::string& why) {
    log_warning(kId, "our QEMU's migration channel has ended: " + why);
    survival_->channel_ended(situation_ == Situation::kPaired);
    if (situation_ == Situation::kStarting) start_failed("our QEMU's migration ended: " + why);
}

void ProtectedVm::channel_lost(const std::string& why) {
    log_warning(kId, "migration channel: " + why);
    if (situation_ == Situation::kStarting) start_failed(why);
}

// --- Going on alone ------------------------------------------------------------------------------

const ColoChannel* ProtectedVm::channel() const {
    if (primary_) return &primary_->channel();
    return secondary_ ? secondary_->channel() : nullptr;
}

void ProtectedVm::hold_output() {
    nics_.each([](Nic& nic) { nic.hold_output(); });
}

void ProtectedVm::shut() {
    nics_.each([](Nic& nic) { nic.shut(); });
    end_confirming();
    set_mode(Situation::kResigned, "this VM has been given up");
}

void ProtectedVm::leave_pair() {
    if (secondary_) {
        nics_.each([](Nic& nic) { nic.stop(true); });
        return secondary_->close_to_qemu();
    }
    last_epoch_ = primary_->epoch();
    primary_->abort("the primary goes on alone");
    nics_.each([this](Nic& nic) {
        nic.primary()->let_go(context_.now());
        nic.touched();
    });
}

/// By the numbers of the epoch that was committed.
void ProtectedVm::flow_alone() {
    if (!secondary_) return;
    last_epoch_ = secondary_->committed().value_or(last_epoch_);
    secondary_->end("the secondary goes on alone");
    role_ = Role::kPrimary;
    nics_.each([](Nic& nic) { nic.take_over(); });
}

void ProtectedVm::gone_on(const std::string& problem) {
    const bool was_secondary = secondary_ != nullptr;
    resting_ = std::exchange(rests_as_, Situation::kAlone);
    end_confirming();
    const std::string alone = problem.empty() ? "the VM runs alone" : "the VM runs alone, past us: " + problem;
    set_mode(resting_, resting_ == Situation::kIdle ? "stopped" : alone);
    set_pair(0);
    peer_is_ours_ = false;
    qemu_.clear_up([](const std::optional<std::string>& error) {
        if (error) log_warning(kId, *error);
    });
    if (was_secondary) {
        link_.stop("the secondary's VM goes on alone");
        serve_as_primary();
    } else {
        link_.hang_up("the primary's VM goes on alone");
    }
}

/// For a new secondary. The old primary's process may still have the address.
void ProtectedVm::serve_as_primary() {
    listen_again_.reset();
    if (link_.is_listening()) return;
    try {
        listen_at(std::nullopt);
    } catch (const std::exception& error) {
        if (std::exchange(listen_problem_, error.what()) != error.what())
            log_warning("link", listen_problem_ + ": no new secondary can come yet; tries again");
        listen_again_ = after(host_.loop().context(), kListenAgainMs, [this] { serve_as_primary(); });
    }
}

/// Nothing: at the link's address.
void ProtectedVm::listen_at(const std::optional<ListenAddress>& address) {
    listen_for_migration();
    if (address) {
        link_.listen_at(*address);
    } else if (!link_.is_listening()) {
        link_.listen();
    }
    listen_again_.reset();
    listen_problem_.clear();
}

// --- The operator --------------------------------------------------------------------------------

/// Of a start that waits for somebody.
void ProtectedVm::look_what_is_missing() {
    const std::string why = PairStart::missing(context_);
    if (wants_start_ && !why.empty() && std::exchange(start_problem_, why) != why)
        log_warning(kId, "the VM is not protected yet: " + why);
}

void ProtectedVm::try_start() {
    if (!wants_start_ || role_ != Role::kPrimary) return;
    if (!PairStart::missing(context_).empty()) {
        if (!missing_) missing_ = after(host_.loop().context(), kMissedAfterMs, [this] { look_what_is_missing(); });
        return;
    }
    starts_again_ = situation_ == Situation::kStarting;
    if (situation_ == Situation::kIdle || situation_ == Situation::kAlone)
        start([](const std::optional<std::string>&) {});
}

void ProtectedVm::stop(Answer answer) {
    wants_start_ = false;
    if (role_ != Role::kPrimary) return answer("this is the secondary: stop at the primary");
    if (situation_ == Situation::kStarting) {
        start_failed("stopped");
        return answer(std::nullopt);
    }
    if (situation_ != Situation::kPaired) return answer("the VM is not protected");
    // Who has lost its peer does not stop: it goes on alone, and perhaps not only it.
    if (survival_->state() == Failover::State::kUndecided || survival_->state() == Failover::State::kFencing)
        return answer(why_broken());
    const Situation before = std::exchange(rests_as_, Situation::kIdle);
    survival_->operator_wants(true, [this, before, answer](const std::optional<std::string>& error) {
        if (error) rests_as_ = before;
        answer(error);
    });
}

void ProtectedVm::fail_over(bool with_force, Answer answer) {
    survival_->operator_wants(with_force, std::move(answer));
}

void ProtectedVm::reprotect(const std::optional<ListenAddress>& link, Answer answer) {
    if (const auto broken = why_broken()) return answer(broken);
    if (situation_ == Situation::kPaired) return answer("the VM is protected already");
    if (const std::string why = why_not_start(); !why.empty()) return answer(why);
    try {
        listen_at(link);
    } catch (const std::invalid_argument& error) {
        return answer(error.what());
    } catch (const std::exception& error) {
        return answer(std::string(error.what()) + "; an address of this host is to be given as 'link'");
    }
    wants_start_ = true;
    if (link_.session()) return start(std::move(answer));
    answer(std::nullopt);
}

/// A RESIGN that waits behind packets would be dropped with them.
void ProtectedVm::part(const std::string& why) {
    if (situation_ == Situation::kResigned) link_.say(PeerProcedure::kResign, why);
    link_.stop(why);
}

void ProtectedVm::qemu_ready() {
    survival_->monitor_opened();
    try_start();
}

void ProtectedVm::qemu_closed(const std::string& why) {
    log_warning(kId, "our QEMU is gone: " + why);
    if (situation_ == Situation::kPaired) survival_->monitor_closed();
}

}  // namespace colo
