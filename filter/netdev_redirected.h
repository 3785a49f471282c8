// SPDX-License-Identifier: GPL-2.0-or-later
// One side of a NIC whose QEMU keeps a netdev of its own: the chardevs of its filter-redirectors connect to two
// sockets of ours. On one come the frames that leave QEMU's chain here, on the other go those that enter it.
// Without the second one QEMU's filter-mirror has delivered them itself: what is sent is counted, and dropped.
//
// QEMU waits for whoever reads such a chardev, with its VM and its monitor. So a pause does not stop the reading:
// what comes meanwhile is kept, up to the limits, and is handed on, in order, when the pause is over.
#pragma once

#include <memory>
#include <string>

#include "filter/netdev.h"
#include "filter/socket_port.h"
#include "filter/waiting_frames.h"
#include "io/glib_source.h"
#include "io/lifeline.h"

namespace colo {

class NetdevRedirected final : public Netdev, private FrameSink {
  public:
    /// Paths where it listens; `in` is for what comes from QEMU. An empty `out`: nothing goes there. Throws
    /// std::runtime_error that names netdev and path.
    NetdevRedirected(EventLoop& loop, FramePool& pool, std::string id, const std::string& in, const std::string& out);

    const char* type() const override { return "redirected"; }
    SendResult send(Frame&& frame) override;
    /// Each way's: what is to be written, and what is kept while reading is paused.
    void set_limits(const QueueLimits& limits) override;
    void pause_reading(bool paused) override;
    bool drain() override;
    size_t unsent() const override { return out_ ? out_->port.stream().unsent() : 0; }
    bool is_connected() const override;
    bool is_redirected() const override { return true; }
    bool is_mirrored() const override { return !out_; }
    /// Of both sockets. Frames above the limits of a pause are `refused`, as those above an output queue's.
    const EndpointCounters& counters() const override;
    std::string name() const override;

  private:
    struct End final : SocketPort::Observer {
        End(NetdevRedirected& owner, EventLoop& loop, FramePool& pool, const std::string& path);
        void port_opened() override { owner.end_changed("connected"); }
        void port_closed(const std::string& reason) override { owner.end_changed(port.name() + ": " + reason); }

        NetdevRedirected& owner;
        SocketPort port;
    };

    void receiver_changed(NetdevReceiver* receiver) override;
    void frame(Frame&& frame, Time now) override;
    void batch_end(Time now) override;
    void end_changed(const std::string& why);
    void keep(Frame&& frame);
    bool hand_on_kept(bool while_paused);
    Time now() const { return loop_.now(); }

    EventLoop& loop_;
    bool is_up_ = false;  ///< as the receiver was told
    bool is_paused_ = false;
    bool is_draining_ = false;
    WaitingFrames kept_;  ///< came during a pause
    uint64_t refused_ = 0;
    uint64_t delivered_ = 0;  ///< by QEMU's mirror
    mutable EndpointCounters counters_;
    SourcePtr resuming_;
    End in_;
    std::unique_ptr<End> out_;
    Lifeline lifeline_;
};

}  // namespace colo
