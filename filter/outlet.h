// SPDX-License-Identifier: GPL-2.0-or-later
// A way out: hands frames to a chardev or netdev in the form it takes. Where no vnet header goes, what a
// guest left to its card is done here. What cannot be sent is counted and makes an event.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "filter/chardev.h"
#include "filter/netdev.h"
#include "packet/frame.h"
#include "packet/time.h"

namespace colo {

class FilterHost;
class Offload;

class Outlet {
  public:
    Outlet(FilterHost& host, Netdev& netdev);
    /// `vnet`: what goes to the chardev keeps its vnet header.
    Outlet(FilterHost& host, Chardev& chardev, bool vnet);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    void send(Frame&& frame, Time now) {
        if (keeps_vnet_ || frame.front().empty()) [[likely]] {
            deliver(std::move(frame), now);
        } else {
            send_expanded(std::move(frame), now);
        }
    }

  private:
    void deliver(Frame&& frame, Time now) {
        const SendResult result = netdev_ ? netdev_->send(std::move(frame))
                                          : chardev_->send(std::move(frame));
        if (result != SendResult::kQueued) [[unlikely]] lost(result, now);
    }
    void send_expanded(Frame&& frame, Time now);
    void lost(SendResult result, Time now);

    FilterHost& host_;
    Netdev* netdev_ = nullptr;
    Chardev* chardev_ = nullptr;
    std::string where_;
    bool keeps_vnet_;
    std::unique_ptr<Offload> offload_;
    std::vector<Frame> pieces_;
};

}  // namespace colo
