// SPDX-License-Identifier: GPL-2.0-or-later
// -netdev stream: u32be length and frame, both ways, on a unix or TCP socket.
#pragma once

#include "filter/netdev.h"
#include "filter/socket_port.h"

namespace colo {

class NetdevStream final : public Netdev, private SocketPort::Observer {
  public:
    NetdevStream(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
                 const SocketOptions& options);

    const char* type() const override { return "stream"; }
    SendResult send(Frame&& frame) override { return port_.stream().send(std::move(frame)); }
    void set_limits(const QueueLimits& limits) override { port_.stream().set_limits(limits); }
    void pause_reading(bool paused) override { port_.stream().pause_reading(paused); }
    bool drain() override { return port_.stream().drain(); }
    size_t unsent() const override { return port_.stream().unsent(); }
    bool is_connected() const override { return port_.is_connected(); }
    bool is_waiting() const override { return port_.is_waiting(); }
    const EndpointCounters& counters() const override { return port_.counters(); }
    std::string name() const override { return port_.name(); }

  private:
    void receiver_changed(NetdevReceiver* receiver) override;
    void port_opened() override;
    void port_closed(const std::string& reason) override;

    SocketPort port_;
};

}  // namespace colo
