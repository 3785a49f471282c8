// SPDX-License-Identifier: GPL-2.0-or-later
// The proxy beside one VM of a pair: /objects/colo0. Holds the parts together: NICs, the link to the
// other proxy, QEMU's monitor, the side that its role makes it, and what it does when something fails.
//
//   primary:   idle --start--> starting --READY--> paired --failure, stop--> alone (or idle)
//   secondary: standing by --the primary starts--> paired --failure--> alone: a primary from now on
//                                                         \--resigned
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filter/comparing.h"
#include "filter/host.h"
#include "io/listener.h"
#include "pair/nics.h"
#include "pair/pair_context.h"
#include "pair/pair_settings.h"
#include "pair/pair_start.h"
#include "pair/peer_link.h"
#include "pair/primary_side.h"
#include "pair/secondary_side.h"
#include "pair/survival.h"
#include "qemu/colo_control.h"

namespace colo {

struct ProtectedVmOptions {
    Role role = Role::kPrimary;
    struct NicNames {
        std::string vm;      ///< ids of netdevs
        std::string uplink;
    };
    std::vector<NicNames> nics;
    PeerLinkOptions link;
    Qmp::Make make_qmp;         ///< our QEMU's monitor
    std::string migrate_path;   ///< where our QEMU migrates to; empty: it never can
    std::string incoming_path;  ///< where our QEMU awaits a migration; empty: it never does
    bool starts = false;        ///< as soon as everybody is there
    bool disk_is_external = false;
    /// Of each start's migration; nullptr: the start is over. May be empty.
    std::function<void(const MigrationProgress*)> start_progress;
    SurvivalOptions survival;
    PairSettings settings;
};

class ProtectedVm final : public Object,
                          public Comparing,
                          private Nic::Owner,
                          private PeerLink::Owner,
                          private ColoControl::Observer,
                          private PrimarySide::Owner,
                          private SecondarySide::Owner,
                          private Survival::Owner,
                          private PairStart::Owner {
  public:
    using Answer = std::function<void(const std::optional<std::string>& error)>;

    static constexpr const char* kType = "colo-proxy";
    static constexpr const char* kId = "colo0";

    /// The netdevs are there. Throws std::runtime_error or std::invalid_argument that names what cannot be
    /// set up.
    ProtectedVm(FilterHost& host, ProtectedVmOptions options);
    ~ProtectedVm() override;

    // Object, Comparing
    void complete() override;
    std::vector<Property> properties() override;
    /// Who has made it holds on to it.
    bool is_in_use() const override { return true; }
    std::vector<Comparator*> comparators() override;
    ComparingStatus status() const override;
    void need_checkpoints() const override;
    void ask_for_checkpoint(Reason reason) override;
    void touched() override;

    /// One more, while the VM is not protected; its index. Throws std::runtime_error.
    uint32_t add_nic(const ProtectedVmOptions::NicNames& names);
    /// The NIC's frames go past us, or do no more: until the next checkpoint the VM is unprotected. Throws
    /// std::runtime_error where that must not be.
    void bypass(uint32_t nic, bool bypassed);

    /// NICs may go: no pair has come about, or it was stopped.
    bool is_resting() const;
    /// The NIC is none of ours any more, and those behind it have other numbers. Only of a VM that is at rest.
    void forget_nic(uint32_t nic);
    /// Frames of the NIC's that wait to be compared.
    uint64_t held(uint32_t nic);

    // What the operator wants; `answer` comes once, with why not, or when it is done.
    void start(Answer answer);
    void stop(Answer answer);
    void fail_over(bool with_force, Answer answer);
    /// `link`: where the survivor listens for a new secondary; nothing: where it does already, or where its
    /// link has led to.
    void reprotect(const std::optional<ListenAddress>& link, Answer answer);

    /// The process ends: the peer is told.
    void part(const std::string& why);

  private:
    enum class Situation : uint8_t {
        kIdle,      ///< a primary that is not protected yet, or whose protection was stopped
        kStarting,
        kStandby,   ///< a secondary without a primary's VM
        kPaired,
        kAlone,     ///< after a failure
        kResigned,
    };

    // Nic::Owner
    bool send_packet(uint32_t kind, const Nic& nic, uint32_t epoch, Bytes bytes) override;
    std::optional<uint32_t> input_epoch() const override;
    std::optional<uint32_t> output_epoch() const override;
    void wants_checkpoint(const CheckpointRequest& request) override;
    void vm_link_changed(const Netdev& netdev, bool up, const std::string& why) override;
    void secondary_is_full(const Nic& nic) override;
    void base_is_lost(const Nic& nic) override;
    // PeerLink::Owner
    void peer_connected(const PeerIdentity& peer) override;
    void peer_lost(const std::string& why) override;
    void peer_packet(const PacketHeader& header, Frame&& frame) override;
    void peer_packets_end() override {}
    void peer_said(PeerProcedure procedure, Bytes payload) override;
    bool peer_called(const ControlHeader& header, Bytes payload) override;
    void peer_heartbeat(Bytes payload) override;
    void peer_opened(std::unique_ptr<Stream> stream) override;
    // ColoControl::Observer
    void qemu_ready() override;
    void qemu_closed(const std::string& why) override;
    void migration_nears_its_end() override;
    void vm_stopped() override;
    void vm_resumed() override;
    void colo_exited(const std::string&) override {}
    // PrimarySide::Owner, SecondarySide::Owner
    void pair_began() override;
    void checkpoint_completed(const CheckpointRecord& record) override;
    void compare_mode_changed(bool compares) override;
    void channel_ended(const std::string& why) override;
    void channel_lost(const std::string& why) override;
    // Survival::Owner
    const ColoChannel* channel() const override;
    void hold_output() override;
    void shut() override;
    void leave_pair() override;
    void flow_alone() override;
    void gone_on(const std::string& problem) override;
    void vm_failed(const std::optional<std::string>& why) override;
    void peer_changed(const char* state, const std::string& reason) override;
    void pair_failed(const std::string& why) override;
    // PairStart::Owner
    std::optional<std::string> migration_begins() override;
    void migration_progress(const MigrationProgress& progress) override;
    void start_failed(const std::string& why) override;

    Nic& open_nic(const ProtectedVmOptions::NicNames& names);
    void listen_for_migration();
    void accept_migration();
    void renew_survival();
    void stand_by();
    bool is_of_our_pair(const PeerIdentity& peer) const;
    void set_pair(uint64_t process);
    void turn_away();
    bool may_be_protected() const;
    void violated(const std::string& what);
    void inspect_for(uint32_t serial, Bytes payload);
    void prepare_for(uint32_t serial, Bytes payload);
    void reply(uint32_t serial, const std::optional<std::string>& error, Bytes payload = {});
    void begin_incoming(std::unique_ptr<Stream> stream);
    void forget_last_pair();
    void drop_start();
    void end_start(const std::optional<std::string>& error);
    void peer_has_confirmed();
    void end_confirming();
    void try_start();
    std::string why_not_start() const;
    void look_what_is_missing();
    std::optional<std::string> why_broken() const;
    void serve_as_primary();
    void listen_at(const std::optional<ListenAddress>& address);
    void request(Reason reason);
    void set_mode(Situation situation, const std::string& reason);
    void tell_mode(const std::string& reason);
    const char* mode() const;
    void say_protected();
    bool has_bypass() const;
    void settings_changed();

    FilterHost& host_;
    ProtectedVmOptions options_;
    PairSettings& settings_;
    Role role_;
    Situation situation_;
    Situation resting_ = Situation::kIdle;    ///< what a primary is back in when a start has failed
    Situation rests_as_ = Situation::kAlone;  ///< what it will be in when it has left its pair
    Nics nics_;
    PeerLink link_;
    ColoControl qemu_;
    PairContext context_;
    PeerIdentity identity_;
    uint64_t paired_with_ = 0;       ///< the process of the peer of the pair we are, or were, in
    bool stranger_was_told_ = false;  ///< since a peer of ours was there
    bool peer_is_ours_ = false;      ///< whoever is connected is of our pair, or may become so
    std::string peer_state_ = "none";
    uint32_t last_epoch_ = 0;        ///< that this VM was part of
    Time max_interval_;              ///< as QEMU knows it, or will
    bool has_gap_ = false;           ///< frames went past us since the last checkpoint
    std::array<uint64_t, kReasons> checkpoints_{};  ///< of earlier pairs

    std::unique_ptr<Listener> migrate_listener_;
    SourcePtr migrating_;
    std::unique_ptr<Survival> survival_;
    std::unique_ptr<PrimarySide> primary_;
    std::unique_ptr<SecondarySide> secondary_;
    std::unique_ptr<PairStart> start_;
    std::vector<Answer> start_answers_;
    bool peer_is_to_confirm_ = false;  ///< kPaired, and its secondary may not know it yet
    bool wants_start_ = false;
    bool starts_again_ = false;  ///< something has come about since the start began that it may fail for want of
    SourcePtr start_again_;
    SourcePtr missing_;           ///< who is, is looked at then
    std::string start_problem_;  ///< that was logged
    SourcePtr listen_again_;
    std::string listen_problem_;  ///< that was logged
};

}  // namespace colo
