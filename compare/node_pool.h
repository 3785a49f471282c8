// SPDX-License-Identifier: GPL-2.0-or-later
// Nodes of one type from chunks, recycled last-in first-out so that the next one is in the cache.
// Addresses are stable; chunks go back to the system with the pool.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace colo {

template <typename Node>
class NodePool {
  public:
    NodePool() = default;
    NodePool(const NodePool&) = delete;
    NodePool& operator=(const NodePool&) = delete;

    template <typename... Args>
    Node* make(Args&&... args) {
        if (!free_) grow();
        Slot* slot = std::exchange(free_, free_->next);
        ++live_;
        // Not Node(): that would clear the whole node first.
        if constexpr (sizeof...(Args) == 0) return new (slot->storage) Node;
        return new (slot->storage) Node(std::forward<Args>(args)...);
    }

    void recycle(Node* node) {
        node->~Node();
        Slot* slot = reinterpret_cast<Slot*>(node);
        slot->next = free_;
        free_ = slot;
        --live_;
    }

    size_t live() const { return live_; }

  private:
    union Slot {
        Slot* next;
        alignas(Node) std::byte storage[sizeof(Node)];
    };
    static constexpr size_t kSlotsPerChunk = 256;

    void grow() {
        chunks_.push_back(std::make_unique<Slot[]>(kSlotsPerChunk));
        Slot* chunk = chunks_.back().get();
        for (size_t i = kSlotsPerChunk; i-- > 0;) {
            chunk[i].next = free_;
            free_ = &chunk[i];
        }
    }

    Slot* free_ = nullptr;
    size_t live_ = 0;
    std::vector<std::unique_ptr<Slot[]>> chunks_;
};

}  // namespace colo
