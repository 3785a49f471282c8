// SPDX-License-Identifier: GPL-2.0-or-later
// One direction of a NIC's frames on a colo-link, as the filters see it: a chardev that nobody has listed.
#pragma once

#include <string>

#include "filter/chardev.h"

namespace colo {

class LinkChannel final : public Chardev {
  public:
    /// How frames leave. Never called for a channel that frames come in by.
    class Sender {
      public:
        virtual SendResult send_frame(const Frame& frame) = 0;
        virtual bool is_link_up() const = 0;
        virtual size_t unsent_bytes() const = 0;

      protected:
        ~Sender() = default;
    };
    enum class Way : uint8_t { kIn, kOut };

    /// `link`: the link's id.
    LinkChannel(const std::string& link, Way way, Sender& sender);

    /// What came from the peer.
    void deliver(Frame&& frame, Time now);
    void batch_end(Time now);
    void link_changed(bool up, const std::string& reason);

    SendResult send(Frame&& frame) override;
    void set_limits(const QueueLimits&) override {}
    bool is_waiting() const override { return false; }
    bool is_connected() const override { return sender_.is_link_up(); }
    /// A fence of the link is in the order of its frames: nothing has to be drained for it.
    bool drain() override { return true; }
    size_t unsent() const override { return sender_.unsent_bytes(); }
    const EndpointCounters& counters() const override { return counters_; }
    std::string name() const override { return what(); }

  private:
    void user_changed(ChardevUser*) override {}
    void framing_changed(Framing, Framing) override {}

    const Way way_;
    Sender& sender_;
    EndpointCounters counters_;
    bool in_batch_ = false;  ///< the user waits for its end
};

}  // namespace colo
