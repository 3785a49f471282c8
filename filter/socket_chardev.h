// SPDX-License-Identifier: GPL-2.0-or-later
// -chardev socket: a unix or TCP socket, server or client.
#pragma once

#include "filter/chardev.h"
#include "filter/socket_port.h"

namespace colo {

class SocketChardev final : public Chardev, private SocketPort::Observer {
  public:
    SocketChardev(EventLoop& loop, FramePool& pool, std::string id, const SocketOptions& options);

    SendResult send(Frame&& frame) override { return port_.stream().send(std::move(frame)); }
    void set_limits(const QueueLimits& limits) override { port_.stream().set_limits(limits); }
    bool is_waiting() const override { return port_.is_waiting(); }
    bool is_connected() const override { return port_.is_connected(); }
    bool drain() override { return port_.stream().drain(); }
    size_t unsent() const override { return port_.stream().unsent(); }
    const EndpointCounters& counters() const override { return port_.counters(); }
    std::string name() const override { return port_.name(); }

  private:
    void user_changed(ChardevUser* user) override { port_.stream().set_sink(user); }
    void framing_changed(Framing in, Framing out) override { port_.stream().set_framing(in, out); }
    void port_opened() override;
    void port_closed(const std::string& reason) override;

    SocketPort port_;
};

}  // namespace colo
