// SPDX-License-Identifier: GPL-2.0-or-later
// A netdev on a descriptor that keeps frames apart: -netdev tap and -netdev dgram.
#pragma once

#include <memory>

#include "filter/netdev.h"
#include "filter/option_reader.h"
#include "filter/packet_port.h"

namespace colo {

class NetdevPacket : public Netdev, private PacketPort::Owner {
  public:
    uint32_t vnet_header() const override { return vnet_header_; }
    SendResult send(Frame&& frame) override { return port_.send(std::move(frame)); }
    void set_limits(const QueueLimits& limits) override { port_.set_limits(limits); }
    void pause_reading(bool paused) override { port_.pause_reading(paused); }
    bool drain() override { return port_.drain(); }
    size_t unsent() const override { return port_.unsent(); }
    bool is_connected() const override { return port_.is_open(); }
    const EndpointCounters& counters() const override { return port_.counters(); }
    std::string name() const override { return name_; }

  protected:
    NetdevPacket(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
                 std::string name, PacketDevice device);

  private:
    void receiver_changed(NetdevReceiver* receiver) override { port_.set_sink(receiver); }
    void device_lost(const std::string& reason) override;

    std::string name_;
    uint32_t vnet_header_;
    PacketPort port_;
};

}  // namespace colo
