// SPDX-License-Identifier: GPL-2.0-or-later
// Learns a VM's addresses from what it sends and, when the VM has moved to another host, tells the
// network: switches learn the new port, neighbours drop stale entries. Several rounds, as a single
// frame may be lost or come before a switch port forwards; their times are QEMU's for a migration
// (announce-self: 50 ms, then 100 ms more each time).
//
// An address is learnt from ARP and neighbour discovery, and from IP packets whose TTL no router
// has lowered: a VM that routes has not the addresses of what it forwards.
#pragma once

#include <cstdint>

#include "compare/neighbour_table.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

class AnnouncementSink {
  public:
    /// For the uplink.
    virtual void announce(Frame frame) = 0;

  protected:
    ~AnnouncementSink() = default;
};

class Announcer {
  public:
    static constexpr size_t kMaxAddresses = 1024;
    static constexpr int kRounds = 5;
    static constexpr Time kFirstPause = milliseconds(50);
    static constexpr Time kLongerPause = milliseconds(100);

    /// `pool` and `sink` must outlive the announcer.
    Announcer(FramePool& pool, AnnouncementSink& sink, const FlowHash& hash)
        : pool_(pool), sink_(sink), addresses_(kMaxAddresses, hash) {}

    /// A frame of the VM.
    void learn(const PacketView& view);
    /// Begins the rounds, the first at once; anew when they are under way.
    void start(Time now);
    /// No round is to come: the VM has been given up, and the network must not be led here.
    void stop() { due_ = kNever; }
    void tick(Time now);
    /// kNever: no round is to come.
    Time next_deadline() const { return due_; }

    const NeighbourTable& addresses() const { return addresses_; }

  private:
    void announce_all();

    FramePool& pool_;
    AnnouncementSink& sink_;
    NeighbourTable addresses_;
    int rounds_ = 0;  ///< begun
    Time due_ = kNever;
};

}  // namespace colo
