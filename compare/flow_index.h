// SPDX-License-Identifier: GPL-2.0-or-later
// Flows by their keys: nodes with stable addresses and the index that finds them. A node is made from
// its key and whatever else, and has it as `key`; links between nodes are the caller's.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <utility>

#include "compare/node_pool.h"
#include "packet/flow_key.h"

namespace colo {

template <typename Node>
class FlowIndex {
  public:
    explicit FlowIndex(const FlowHash& hash) : nodes_(0, KeyHash{hash}) {}

    Node* find(const FlowKey& key) {
        // Frames come in trains of one flow.
        if (recent_ && recent_->key == key) return recent_;
        const auto found = nodes_.find(key);
        if (found == nodes_.end()) return nullptr;
        return recent_ = *found;
    }
    /// Of a key that is not there.
    template <typename... Args>
    Node* make(const FlowKey& key, Args&&... args) {
        Node* node = pool_.make(key, std::forward<Args>(args)...);
        nodes_.insert(node);
        return node;
    }
    void erase(Node& node) {
        nodes_.erase(&node);
        if (recent_ == &node) recent_ = nullptr;
        pool_.recycle(&node);
    }
    uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }

  private:
    struct KeyHash {
        using is_transparent = void;
        using is_avalanching = void;
        FlowHash hash;
        size_t operator()(const FlowKey& key) const { return hash(key); }
        size_t operator()(const Node* node) const { return hash(node->key); }
    };
    struct KeyEqual {
        using is_transparent = void;
        bool operator()(const Node* a, const Node* b) const { return a == b; }
        bool operator()(const FlowKey& a, const Node* b) const { return a == b->key; }
        bool operator()(const Node* a, const FlowKey& b) const { return a->key == b; }
    };

    boost::unordered_flat_set<Node*, KeyHash, KeyEqual> nodes_;
    NodePool<Node> pool_;
    Node* recent_ = nullptr;  ///< the last one found
};

}  // namespace colo
