// SPDX-License-Identifier: GPL-2.0-or-later
// A network device: one end of a chain of filters, towards a VM or an uplink.
#pragma once

#include <string>

#include "filter/endpoint_counters.h"
#include "filter/frame_sink.h"
#include "filter/queue_limits.h"

namespace colo {

/// All calls come from the loop, never from within a call into the netdev; each may destroy it.
class NetdevReceiver : public FrameSink {
  public:
    /// The other end has come or gone.
    virtual void link_changed(bool up, const std::string& reason) {
        (void)up;
        (void)reason;
    }
    /// Of a netdev that must be read while reading is paused: so many more have come than it may keep.
    virtual void frames_refused(uint64_t count) { (void)count; }

  protected:
    ~NetdevReceiver() = default;
};

class Netdev {
  public:
    Netdev(const Netdev&) = delete;
    Netdev& operator=(const Netdev&) = delete;
    virtual ~Netdev() = default;

    const std::string& id() const { return id_; }
    /// The netdev that this one is wired to; empty: none.
    const std::string& peer() const { return peer_; }
    /// Such as "netdev 'hn0'".
    std::string what() const { return "netdev '" + id_ + "'"; }
    /// "stream", "tap", ...
    virtual const char* type() const = 0;
    /// Bytes of vnet header that frames from here have in front; 0: none.
    virtual uint32_t vnet_header() const { return 0; }

    /// From the first call on the device is read; nullptr: frames are discarded and counted.
    void set_receiver(NetdevReceiver* receiver) {
        receiver_ = receiver;
        receiver_changed(receiver);
    }

    /// Towards the outside. Takes the frame only with kQueued. What is sent in one dispatch is written at its
    /// end, in order.
    virtual SendResult send(Frame&& frame) = 0;
    virtual void set_limits(const QueueLimits& limits) = 0;

    /// While reading is paused the system queues, and then whoever sends waits; only drain() reads. Where nobody
    /// may be made to wait, what comes is kept within the limits instead.
    virtual void pause_reading(bool paused) = 0;
    /// Reads, for a fence, until nothing is there and no frame is incomplete; false: to be called again.
    virtual bool drain() = 0;
    /// Bytes that the other end has not read yet, as far as is known.
    virtual size_t unsent() const = 0;

    virtual bool is_connected() const = 0;
    /// Filters of a QEMU's own netdev are at the other end.
    virtual bool is_redirected() const { return false; }
    /// What is sent here has come to the other end already: QEMU's filter-mirror has let it pass.
    virtual bool is_mirrored() const { return false; }
    /// As Chardev::is_waiting().
    virtual bool is_waiting() const { return false; }
    virtual const EndpointCounters& counters() const = 0;
    /// Where it leads to, for people.
    virtual std::string name() const = 0;

  protected:
    Netdev(std::string id, std::string peer) : id_(std::move(id)), peer_(std::move(peer)) {}

    NetdevReceiver* receiver() const { return receiver_; }
    virtual void receiver_changed(NetdevReceiver* receiver) = 0;

  private:
    std::string id_;
    std::string peer_;
    NetdevReceiver* receiver_ = nullptr;
};

}  // namespace colo
