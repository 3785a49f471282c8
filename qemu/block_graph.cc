// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/block_graph.h"

#include <map>
#include <set>
#include <utility>

#include "monitor/json_value.h"
#include "qemu/json_members.h"

namespace colo {

namespace {

class BlockGraph {
  public:
    BlockGraph(const Json& nodes, const Json& graph) {
        for (const Json& node : nodes) drivers_[string_member(node, "node-name")] = driver(node);
        for (const Json& node : member(graph, "nodes")) {
            const std::string name = string_member(node, "name");
            names_[number_member(node, "id")] = name;
            ids_[name] = number_member(node, "id");
        }
        for (const Json& edge : member(graph, "edges")) {
            children_.emplace(number_member(edge, "parent"), number_member(edge, "child"));
        }
    }

    static std::string driver(const Json& node) { return string_member(node, "drv"); }

    bool is_replicated(const std::string& node) const {
        if (is_replication(node)) return true;
        const auto id = ids_.find(node);
        return id != ids_.end() && is_above_replication(id->second);
    }

  private:
    bool is_replication(const std::string& node) const {
        const auto driver = drivers_.find(node);
        return driver != drivers_.end() && driver->second == "replication";
    }
    bool is_above_replication(uint64_t top) const {
        std::set<uint64_t> seen{top};
        for (std::vector<uint64_t> open{top}; !open.empty();) {
            const uint64_t id = open.back();
            open.pop_back();
            const auto name = names_.find(id);
            if (name != names_.end() && is_replication(name->second)) return true;
            const auto [first, last] = children_.equal_range(id);
            for (auto child = first; child != last; ++child) {
                if (seen.insert(child->second).second) open.push_back(child->second);
            }
        }
        return false;
    }

    std::map<std::string, std::string> drivers_;
    std::map<uint64_t, std::string> names_;
    std::map<std::string, uint64_t> ids_;
    std::multimap<uint64_t, uint64_t> children_;
};

/// As its user knows it.
std::string name_of(const Json& device, const Json& inserted) {
    std::string name = string_member(device, "device");
    if (name.empty()) name = string_member(inserted, "node-name");
    return name + " (" + string_member(inserted, "drv") + ")";
}

}  // namespace

std::vector<std::string> unreplicated_disks(const Json& devices, const Json& nodes,
                                            const Json& graph) {
    const BlockGraph blocks(nodes, graph);
    std::vector<std::string> disks;
    for (const Json& device : devices) {
        const Json& inserted = member(device, "inserted");
        const bool has_guest = !string_member(device, "qdev").empty();
        if (!has_guest || !inserted.is_object() || is_set(inserted, "ro")) continue;
        if (blocks.is_replicated(string_member(inserted, "node-name"))) continue;
        disks.push_back(name_of(device, inserted));
    }
    return disks;
}

}  // namespace colo
