// SPDX-License-Identifier: GPL-2.0-or-later
// A VM's netdev, its uplink if it has one, and the filters between them. As in QEMU a frame to the VM (tx)
// passes the filters in their order, one from the VM (rx) in reverse.
//
//   uplink <--> [uplink's filters] <--> [the VM's netdev's filters] <--> VM's netdev
#pragma once

#include <memory>
#include <vector>

#include "filter/filter.h"
#include "filter/netdev.h"
#include "filter/outlet.h"

namespace colo {

class FilterHost;

struct WireCounters {
    uint64_t tx = 0;         ///< frames that reached the VM's end
    uint64_t rx = 0;         ///< frames that reached the uplink's end
    uint64_t unclaimed = 0;  ///< at the end of a wire without an uplink, as in QEMU
};

class Wire {
  public:
    /// `uplink` may be null.
    Wire(FilterHost& host, Netdev& vm, Netdev* uplink);
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    ~Wire();

    /// Where its position= says. Throws std::invalid_argument that names the filter.
    void insert(Filter& filter);
    void remove(Filter& filter);
    void pass_on(const Filter& from, Frame&& frame, Direction direction, Time now);

    /// A filter-rewriter is among its filters.
    bool has_rewriter() const;

    const WireCounters& counters() const { return counters_; }

  private:
    /// What comes in at one end.
    class End final : public NetdevReceiver {
      public:
        End(Wire& wire, Direction direction) : wire_(wire), direction_(direction) {}
        void frame(Frame&& frame, Time now) override;

      private:
        Wire& wire_;
        Direction direction_;
    };

    size_t place_for(const Filter& filter) const;
    bool is_uplink(const Filter& filter) const;
    void renumber();
    void to_vm(size_t next, Frame&& frame, Time now);
    void from_vm(size_t behind, Frame&& frame, Time now);

    Netdev& vm_;
    Netdev* uplink_;
    Outlet vm_outlet_;
    std::unique_ptr<Outlet> uplink_outlet_;
    End from_uplink_{*this, Direction::kTx};
    End from_vm_{*this, Direction::kRx};
    std::vector<Filter*> chain_;  ///< from the uplink to the VM
    WireCounters counters_;
};

}  // namespace colo
