// SPDX-License-Identifier: GPL-2.0-or-later
// Netdevs as options describe them.
#pragma once

#include <memory>
#include <string>

#include "filter/netdev_factory.h"
#include "stream_rig.h"

namespace colo {

class NetdevTest : public FrameLoopTest {
  protected:
    std::unique_ptr<Netdev> make(const std::string& text) {
        return make_netdev(loop_, pool_, parse_options(text, kNetdevImpliedKey));
    }
    std::string error_of(const std::string& text) {
        try {
            make(text);
        } catch (const std::exception& error) {
            return error.what();
        }
        return "no error";
    }

    TemporaryFolder folder_;
    Receiver receiver_;
};

}  // namespace colo
