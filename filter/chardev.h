// SPDX-License-Identifier: GPL-2.0-or-later
// A character device: where a filter object's frames come from or go to. It has at most one user, which
// may use both directions.
#pragma once

#include <string>

#include "filter/endpoint_counters.h"
#include "filter/frame_sink.h"
#include "filter/framing.h"
#include "filter/queue_limits.h"

namespace colo {

/// All calls come from the loop, never from within a call into the chardev. In each the user may detach,
/// and destroy itself or the chardev.
class ChardevUser : public FrameSink {
  public:
    /// There is a peer. Not told of one that was there at attach(): ask is_connected().
    virtual void opened() {}
    virtual void closed(const std::string& reason) { (void)reason; }
    /// The chardev is being removed: the user has none from now on. It must not call it any more.
    virtual void chardev_removed() = 0;

  protected:
    ~ChardevUser() = default;
};

class Chardev {
  public:
    Chardev(const Chardev&) = delete;
    Chardev& operator=(const Chardev&) = delete;
    /// Tells the user.
    virtual ~Chardev();

    const std::string& id() const { return id_; }
    /// Such as "chardev 'pri'".
    std::string what() const { return std::string(kind_) + " '" + id_ + "'"; }

    /// Throws std::runtime_error when there is a user already. What arrives is read from the first call on:
    /// before, nobody knows where a frame ends. Without a user afterwards frames are discarded and counted.
    void attach(ChardevUser& user, Framing in, Framing out);
    void detach(ChardevUser& user);
    bool is_in_use() const { return user_ != nullptr; }

    /// Takes the frame only with kQueued. It is written at the end of the dispatch, in order.
    virtual SendResult send(Frame&& frame) = 0;
    virtual void set_limits(const QueueLimits& limits) = 0;

    /// The set-up is not complete before a peer has come: wait=on, or a client without reconnect=. Throws
    /// std::runtime_error when it will not come any more. For the start only: later it says nothing.
    virtual bool is_waiting() const = 0;
    virtual bool is_connected() const = 0;
    /// Reads, for a fence, until nothing is there and no frame is incomplete; false: to be called again.
    virtual bool drain() = 0;
    /// Bytes that the peer has not read yet, as far as is known.
    virtual size_t unsent() const = 0;
    virtual const EndpointCounters& counters() const = 0;
    /// "unix:PATH", ...; QEMU's query-chardev calls it filename.
    virtual std::string name() const = 0;

  protected:
    explicit Chardev(std::string id, const char* kind = "chardev") : id_(std::move(id)), kind_(kind) {}

    ChardevUser* user() const { return user_; }
    virtual void user_changed(ChardevUser* user) = 0;
    virtual void framing_changed(Framing in, Framing out) = 0;

  private:
    std::string id_;
    const char* kind_;  ///< for people
    ChardevUser* user_ = nullptr;
};

}  // namespace colo
