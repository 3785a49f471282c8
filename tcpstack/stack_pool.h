// SPDX-License-Identifier: GPL-2.0-or-later
// As many libslirp instances as it takes to keep up to a given number of connections open, 64 each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tcpstack/slirp_stack.h"

namespace colo {

class StackPool {
  public:
    struct Connection {
        SlirpStack* stack = nullptr;
        SlirpStack::Connection slot = 0;
    };

    /// Makes the first instance, so that a process with threads can do that before it starts them;
    /// the others are made when needed and kept. Throws std::runtime_error.
    explicit StackPool(uint32_t max_connections);

    /// A connection at SlirpStack::kStartPosition. Empty at max_connections or when libslirp
    /// refuses.
    std::optional<Connection> open();
    void close(const Connection& connection);

  private:
    SlirpStack* stack_with_room();

    uint32_t max_connections_;
    uint32_t open_ = 0;
    std::vector<std::unique_ptr<SlirpStack>> stacks_;
    std::vector<SlirpStack*> with_room_;
};

}  // namespace colo
