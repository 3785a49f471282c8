// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/stack_pool.h"

#include <stdexcept>

namespace colo {

StackPool::StackPool(uint32_t max_connections) : max_connections_(max_connections) {
    stacks_.push_back(std::make_unique<SlirpStack>());
    with_room_.push_back(stacks_.back().get());
}

SlirpStack* StackPool::stack_with_room() {
    if (!with_room_.empty()) return with_room_.back();
    try {
        stacks_.push_back(std::make_unique<SlirpStack>());
    } catch (const std::runtime_error&) {
        return nullptr;  // this is the data path: the flow does without, and is counted
    }
    with_room_.push_back(stacks_.back().get());
    return with_room_.back();
}

std::optional<StackPool::Connection> StackPool::open() {
    if (open_ == max_connections_) return std::nullopt;
    SlirpStack* stack = stack_with_room();
    if (!stack) return std::nullopt;
    const auto slot = stack->open(SlirpStack::kStartPosition);
    if (!slot) return std::nullopt;
    ++open_;
    if (stack->full()) with_room_.pop_back();
    return Connection{stack, *slot};
}

void StackPool::close(const Connection& connection) {
    if (connection.stack->full()) with_room_.push_back(connection.stack);
    connection.stack->close(connection.slot);
    --open_;
}

}  // namespace colo
