// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/outlet.h"

#include "filter/host.h"
#include "packet/offload.h"

namespace colo {

Outlet::Outlet(FilterHost& host, Netdev& netdev)
    : host_(host),
      netdev_(&netdev),
      where_(netdev.what()),
      keeps_vnet_(netdev.vnet_header() > 0),
      offload_(std::make_unique<Offload>(host.pool(), host.hash())) {}

Outlet::Outlet(FilterHost& host, Chardev& chardev, bool vnet)
    : host_(host),
      chardev_(&chardev),
      where_(chardev.what()),
      keeps_vnet_(vnet),
      offload_(std::make_unique<Offload>(host.pool(), host.hash())) {}

Outlet::~Outlet() = default;

void Outlet::send_expanded(Frame&& frame, Time now) {
    pieces_.clear();
    const VnetProblem problem = offload_->expand(frame, pieces_);
    if (problem != VnetProblem::kNone) {
        host_.dropped(where_, std::string("vnet-header-") + to_string(problem), 1, now);
        return;
    }
    for (Frame& piece : pieces_) deliver(std::move(piece), now);
    pieces_.clear();
}

void Outlet::lost(SendResult result, Time now) {
    const char* reason = "not-connected";
    if (result == SendResult::kFull) reason = "queue-full";
    if (result == SendResult::kFailed) reason = "write-error";
    host_.dropped(where_, reason, 1, now);
}

}  // namespace colo
