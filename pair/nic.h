// SPDX-License-Identifier: GPL-2.0-or-later
// A NIC of the protected VM: its netdev, its uplink, and the path between them. Which path it is
// follows from the role; a survivor's numbers and addresses stay with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "compare/announcer.h"
#include "compare/offset_message.h"
#include "compare/secondary_path.h"
#include "filter/host.h"
#include "filter/outlet.h"
#include "pair/primary_path.h"

namespace colo {

class Nic final : private PrimaryPath::Outside,
                  private SecondaryPath::Outside,
                  private AnnouncementSink,
                  private BaseObserver,
                  private Flushable {
  public:
    /// Called from the loop. Must not destroy the NIC.
    class Owner {
      public:
        /// On the link, in order, of the epoch that holds. False: there was no room.
        virtual bool send_packet(uint32_t kind, const Nic& nic, uint32_t epoch, Bytes bytes) = 0;
        /// In which what is mirrored counts; nothing: not at all.
        virtual std::optional<uint32_t> input_epoch() const = 0;
        /// In which what the SVM sends counts; nothing: it is dropped.
        virtual std::optional<uint32_t> output_epoch() const = 0;
        virtual void wants_checkpoint(const CheckpointRequest& request) = 0;
        /// The secondary's tables are: a checkpoint empties them.
        virtual void secondary_is_full(const Nic& nic) = 0;
        /// What the secondary has to know of a connection was not sent: no checkpoint mends that.
        virtual void base_is_lost(const Nic& nic) = 0;
        /// QEMU has come to `netdev`, or has left it.
        virtual void vm_link_changed(const Netdev& netdev, bool up, const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// `index`: the link's port. The netdevs must outlive the NIC.
    Nic(FilterHost& host, uint32_t index, Netdev& vm, Netdev& uplink, const ComparatorConfig& config,
        Owner& owner);
    ~Nic();

    uint32_t index() const { return index_; }
    void set_index(uint32_t index) { index_ = index; }
    Netdev& vm() { return vm_; }
    const Netdev& vm() const { return vm_; }
    const Netdev& uplink() const { return uplink_; }
    /// QEMU keeps its netdev: both are ways into its filters.
    bool is_redirected() const { return uplink_.is_redirected(); }

    void become_primary();
    void become_secondary();
    /// Of what compares, from now on.
    void configure(const ComparatorConfig& config);
    /// nullptr: the other role.
    PrimaryPath* primary() { return primary_.get(); }
    const PrimaryPath* primary() const { return primary_.get(); }
    SecondaryPath* secondary() { return secondary_.get(); }

    /// From the peer. What comes at a wrong time is counted.
    void peer_frame(Frame&& frame, uint32_t epoch);
    void peer_question(Frame&& frame);
    void peer_offsets(const OffsetMessage& message, uint32_t epoch);
    /// Bases and unfinished handshakes, for a new secondary.
    void tell_offsets();

    /// Frames stop both ways, but for drain_output().
    void stop(bool stopped);
    void pause_input(bool paused);
    /// Who goes on is not decided: no output, and the network is not led here.
    void hold_output();
    /// Frames go past us, or do no more. `is_paired`: there is a secondary.
    void bypass(bool bypassed, bool is_paired);
    bool is_bypassed() const { return primary_ && primary_->is_bypassed(); }
    /// The VM has been given up: nothing of it, or about it, leaves any more.
    void shut();
    /// The VM has taken all that was written to it.
    bool input_is_empty() const { return vm_.unsent() == 0; }
    /// As Netdev::drain().
    bool drain_output() { return vm_.drain(); }

    /// The secondary's VM goes on alone: it is the primary's path from now on.
    void take_over();
    /// Deadlines and limits are looked at, after anything but a frame.
    void touched() { host_.loop().at_end(*this); }

    /// Mirrored in another epoch than ours: dropped.
    uint64_t stale() const { return stale_; }

  private:
    class VmEnd final : public NetdevReceiver {
      public:
        explicit VmEnd(Nic& nic) : nic_(nic) {}
        void frame(Frame&& frame, Time now) override {
            if (!std::exchange(is_in_batch_, true)) nic_.read_mirrored();
            nic_.vm_frame(std::move(frame), now);
        }
        void batch_end(Time) override { is_in_batch_ = false; }
        void link_changed(bool up, const std::string& reason) override {
            nic_.owner_.vm_link_changed(nic_.vm_, up, reason);
        }
        void frames_refused(uint64_t count) override { nic_.refused(nic_.vm_, count); }

      private:
        Nic& nic_;
        bool is_in_batch_ = false;
    };
    class UplinkEnd final : public NetdevReceiver {
      public:
        explicit UplinkEnd(Nic& nic) : nic_(nic) {}
        void frame(Frame&& frame, Time now) override { nic_.uplink_frame(std::move(frame), now); }
        void link_changed(bool up, const std::string& reason) override {
            if (nic_.is_redirected()) nic_.owner_.vm_link_changed(nic_.uplink_, up, reason);
        }
        void frames_refused(uint64_t count) override { nic_.refused(nic_.uplink_, count); }

      private:
        Nic& nic_;
    };

    void vm_frame(Frame&& frame, Time now);
    void uplink_frame(Frame&& frame, Time now);
    void read_mirrored();
    void refused(const Netdev& netdev, uint64_t count) { host_.dropped(netdev.what(), "queue-full", count, now()); }

    // PrimaryPath::Outside, SecondaryPath::Outside
    void to_vm(Frame&& frame, Time now) override { vm_outlet_.send(std::move(frame), now); }
    void to_uplink(Frame&& frame, Time now) override { uplink_outlet_.send(std::move(frame), now); }
    void mirror(const Frame& frame) override;
    void announce(const FlowKey& flow, const Announcement& announced) override;
    void wants_checkpoint(const CheckpointRequest& request) override;
    void from_vm(Frame&& frame, uint32_t epoch, Time now) override;
    void ask_at_peer(const Frame& frame) override;
    // AnnouncementSink
    void announce(Frame frame) override { uplink_outlet_.send(std::move(frame), now()); }
    // BaseObserver
    void base_changed(const FlowKey& flow, const Base& base) override { tell({flow, base}); }
    // Flushable
    void flush() override;

    void tell(const OffsetMessage& message);
    void look_at_room();
    void tick();
    Time next_deadline() const;
    void update_reading();
    Time now() const { return host_.loop().now(); }

    FilterHost& host_;
    uint32_t index_;
    Netdev& vm_;
    Netdev& uplink_;
    const ComparatorConfig& config_;
    Nic::Owner& owner_;
    Outlet vm_outlet_;
    Outlet uplink_outlet_;
    VmEnd vm_end_{*this};
    UplinkEnd uplink_end_{*this};
    Announcer announcer_;
    std::unique_ptr<FlowMapper> mapper_;
    std::unique_ptr<PrimaryPath> primary_;
    std::unique_ptr<SecondaryPath> secondary_;
    bool is_stopped_ = false;
    bool input_is_paused_ = false;
    bool is_congested_ = false;
    uint64_t stale_ = 0;
    uint64_t no_room_seen_ = 0;
    Timer timer_;
};

}  // namespace colo
