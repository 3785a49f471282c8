// SPDX-License-Identifier: GPL-2.0-or-later
// One end of a pair's link, without a VM: hears all, and says what it is told to say.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "packet/frame.h"
#include "pair/peer_link.h"

namespace colo {

class PeerEnd final : public PeerLink::Owner {
  public:
    PeerEnd(EventLoop& loop, const std::string& path, uint64_t process)
        : link(loop, pool, options(path), *this) {
        link.set_identity({process, 0});
    }

    void peer_connected(const PeerIdentity& peer) override { heard.push_back("it is " + std::to_string(peer.process)); }
    void peer_lost(const std::string&) override { heard.emplace_back("lost"); }
    void peer_packet(const PacketHeader&, Frame&& frame) override { heard.emplace_back(text_of(frame.bytes())); }
    void peer_packets_end() override {}
    void peer_said(PeerProcedure procedure, Bytes payload) override {
        heard.push_back(std::to_string(static_cast<uint32_t>(procedure)) + ": " + std::string(text_of(payload)));
    }
    bool peer_called(const ControlHeader&, Bytes) override { return false; }
    void peer_heartbeat(Bytes payload) override {
        if (const auto health = decode_health(payload)) healths.push_back(*health);
    }
    void peer_opened(std::unique_ptr<Stream>) override {}

    PacketResult send(Bytes frame) {
        return link.session()->send_packet({static_cast<uint32_t>(PacketKind::kFrame), 0, 1}, frame);
    }

    FramePool pool;
    PeerLink link;
    std::vector<std::string> heard;
    std::vector<VmHealth> healths;  ///< as heartbeats say

  private:
    static PeerLinkOptions options(const std::string& path) {
        PeerLinkOptions options;
        options.address = unix_at(path);
        return options;
    }
};

}  // namespace colo
