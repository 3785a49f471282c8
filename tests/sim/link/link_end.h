// SPDX-License-Identifier: GPL-2.0-or-later
// One end of the link, with its streams and packets, and the bytes it takes and gives.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "link/link_session.h"
#include "tests/sim/link/stream_end.h"

namespace colo::sim {

class LinkEnd final : private LinkUser, private LinkSession::Carrier {
  public:
    LinkEnd(Random& random, Judge& judge, bool is_a);

    void act();
    /// What is to be done until all streams are over.
    void conclude();
    bool has_ended() const { return session_.is_over(); }
    bool is_quiet() const;

    /// For the wire, at most that many bytes.
    std::string take(size_t most);
    /// Off the wire.
    void give(const std::string& bytes);
    void lose();

    /// All is over, once at either end, and what is ok has arrived.
    void check(const LinkEnd& other) const;

  private:
    void session_woke() override {}
    void link_up(const Hello&) override {}
    void link_over(const LinkStatus&) override;
    void packet(const PacketHeader& header, Frame frame) override;
    void stream_offered(std::unique_ptr<Stream> stream) override;

    void open();
    void send_packet();

    Random& random_;
    Judge& judge_;
    const bool is_a_;
    FramePool pool_;
    ReceiveBuffer buffer_{pool_};
    LinkSession session_;
    std::vector<std::unique_ptr<StreamEnd>> streams_;
    bool told_over_ = false;
    uint32_t packets_in_ = 0;
    uint32_t packets_out_ = 0;
};

}  // namespace colo::sim
