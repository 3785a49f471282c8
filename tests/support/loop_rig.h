// SPDX-License-Identifier: GPL-2.0-or-later
// An event loop of its own, run until something is so.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "io/event_loop.h"
#include "tests/support/socket_rig.h"

namespace colo {

class LoopTest : public testing::Test {
  protected:
    void until(const std::function<bool()>& condition) {
        while (!condition()) loop_.iterate(true);
    }
    void settle() {
        while (loop_.iterate(false)) {
        }
    }

    Loop context_;
    EventLoop loop_{context_.context()};
};

}  // namespace colo
