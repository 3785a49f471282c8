// SPDX-License-Identifier: GPL-2.0-or-later
// A NIC's part of a colo-link: frames in and out, and what the filters beside the two VMs tell each other
// about them, in the order of the frames.
//
//   the primary's host                               the secondary's host
//   filter-mirror ------- out ------------ in ------> filter-redirector --> filter-rewriter --> VM
//   colo-compare <------- in ------------- out ------ filter-redirector <-- filter-rewriter <-- VM
//        offsets, fences ------------------------------------> filter-rewriter
//        filter-mirror <-------------------------------------- questions for neighbours
//        colo-compare <--------------------------------------- "wants a checkpoint"
//
// Epochs. The primary's comparator begins one at each checkpoint; a mark in the order of the packets takes
// it to the secondary. A frame of another epoch than ours is dropped, counted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compare/offset_message.h"
#include "filter/link_channel.h"
#include "link/sole_link.h"

namespace colo {

struct LinkNicCounters {
    uint64_t stale = 0;        ///< frames of another epoch
    uint64_t offsets_in = 0;
    uint64_t offsets_out = 0;
    uint64_t offsets_lost = 0;  ///< nobody was there to be told
    uint64_t questions = 0;
};

class LinkNic final : private LinkChannel::Sender {
  public:
    /// A filter that has more to do with the link than its frames. Called from the loop.
    class User {
      public:
        virtual void link_changed(bool /*up*/) {}
        /// `is_current`: of this epoch.
        virtual void offsets_told(const OffsetMessage&, bool /*is_current*/, Time) {}
        /// The peer's comparator has begun one: both VMs are equal.
        virtual void epoch_will_begin() {}
        virtual void question_came(Frame&&, Time) {}
        /// True: it will see to it.
        virtual bool checkpoint_wanted(const std::string& /*why*/) { return false; }
        /// A frame for the VM, as this host's mirror sees it.
        virtual void input_seen(const Frame&, Time) {}

      protected:
        ~User() = default;
    };

    /// `id`: the link's object.
    LinkNic(SoleLink& link, const std::string& id, uint32_t number);

    Chardev& in() { return in_; }
    Chardev& out() { return out_; }
    void add(User& user) { users_.push_back(&user); }
    void remove(User& user) { std::erase(users_, &user); }
    bool is_in_use() const { return in_.is_in_use() || out_.is_in_use() || !users_.empty(); }
    bool is_up() const { return link_.session() != nullptr; }

    // --- For the filters

    uint32_t epoch() const { return epoch_; }
    /// A checkpoint: the next epoch, and its mark.
    void begin_epoch();
    /// The mark of the epoch that holds, for a peer who was not there when it began.
    void mark_epoch();
    void tell(const OffsetMessage& message);
    void ask(const Frame& question);
    /// False: nobody is there.
    bool want_checkpoint(std::string_view why);
    void see_input(const Frame& frame, Time now);

    // --- For the link: what comes from the peer. An answer is what is wrong with it; empty: nothing.

    std::string take_frame(Frame&& frame, uint32_t epoch, Time now);
    std::string take_vnet_frame(Frame&& frame, uint32_t epoch, Time now);
    std::string take_offsets(Bytes payload, uint32_t epoch, Time now);
    std::string take_question(Frame&& frame, Time now);
    void take_mark(uint32_t epoch);
    void batch_end(Time now) { in_.batch_end(now); }
    void link_changed(bool up, const std::string& reason);
    bool wants_checkpoint(const std::string& why);

    const LinkNicCounters& counters() const { return counters_; }

  private:
    // LinkChannel::Sender
    SendResult send_frame(const Frame& frame) override;
    bool is_link_up() const override { return is_up(); }
    size_t unsent_bytes() const override { return is_up() ? link_.session()->queued_packets() : 0; }

    PacketResult send(uint32_t kind, Bytes payload) { return send(kind, {}, payload); }
    PacketResult send(uint32_t kind, Bytes front, Bytes payload);

    SoleLink& link_;
    const uint32_t number_;
    uint32_t epoch_ = 0;
    LinkChannel in_;
    LinkChannel out_;
    std::vector<User*> users_;
    LinkNicCounters counters_;
};

/// A filter among a NIC's users, until it leaves or is destroyed.
class LinkMembership {
  public:
    LinkMembership() = default;
    LinkMembership(const LinkMembership&) = delete;
    LinkMembership& operator=(const LinkMembership&) = delete;
    ~LinkMembership() { leave(); }

    void join(LinkNic& nic, LinkNic::User& user) {
        leave();
        nic_ = &nic;
        user_ = &user;
        nic.add(user);
    }
    void leave() {
        if (nic_) nic_->remove(*user_);
        nic_ = nullptr;
    }
    explicit operator bool() const { return nic_ != nullptr; }
    LinkNic* operator->() const { return nic_; }

  private:
    LinkNic* nic_ = nullptr;
    LinkNic::User* user_ = nullptr;
};

}  // namespace colo
