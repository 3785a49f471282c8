// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "qemu/block_graph.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace colo {
namespace {

using Disks = std::vector<std::string>;

Json device(const char* name, const char* node, const char* driver, bool read_only = false) {
    return {{"device", name},
            {"qdev", "/machine/peripheral/vd"},
            {"inserted", {{"node-name", node}, {"drv", driver}, {"ro", read_only}}}};
}

Json node(const char* name, const char* driver) {
    return {{"node-name", name}, {"drv", driver}};
}

Json graph_node(int id, const char* name) {
    return {{"id", id}, {"type", "block-driver"}, {"name", name}};
}

Json edge(int parent, int child) {
    return {{"parent", parent}, {"child", child}, {"name", "x"}};
}

/// As QEMU documents it: a quorum, of which one child is the replication to the secondary.
struct Quorum {
    Json devices = Json::array({device("colo-disk0", "top", "quorum")});
    Json nodes = Json::array({node("top", "quorum"), node("local", "qcow2")});
    Json graph{{"nodes", Json::array({graph_node(1, "top"), graph_node(2, "local")})},
               {"edges", Json::array({edge(1, 2)})}};

    void replicate() {
        nodes.push_back(node("replication0", "replication"));
        graph["nodes"].push_back(graph_node(7, "replication0"));
        graph["edges"].push_back(edge(1, 7));
    }
    Disks disks() const { return unreplicated_disks(devices, nodes, graph); }
};

TEST(BlockGraph, WritableDiskIsUnreplicated) {
    EXPECT_EQ(unreplicated_disks(Json::array({device("", "n0", "raw")}),
                                 Json::array({node("n0", "raw")}), nullptr),
              Disks{"n0 (raw)"});
}

TEST(BlockGraph, ReadOnlyOrWithoutMediumOrWithoutGuestIsNone) {
    Json empty = device("cd", "n1", "raw");
    empty.erase("inserted");
    Json nobodys = device("parent0", "n2", "qcow2");
    nobodys.erase("qdev");
    EXPECT_EQ(unreplicated_disks(Json::array({device("ro", "n0", "raw", true), empty, nobodys}),
                                 Json::array(), nullptr),
              Disks{});
}

TEST(BlockGraph, QuorumIsReplicatedOnceItHasTheChild) {
    Quorum quorum;
    EXPECT_EQ(quorum.disks(), Disks{"colo-disk0 (quorum)"});
    quorum.replicate();
    EXPECT_EQ(quorum.disks(), Disks{});
}

TEST(BlockGraph, ReplicationOfAnotherDiskDoesNotCount) {
    Quorum quorum;
    quorum.replicate();
    quorum.devices.push_back(device("other", "o", "qcow2"));
    quorum.graph["nodes"].push_back(graph_node(9, "o"));
    EXPECT_EQ(quorum.disks(), Disks{"other (qcow2)"});
}

TEST(BlockGraph, WithoutTheGraphOnlyTheTopCounts) {
    Quorum quorum;
    quorum.replicate();
    quorum.graph = nullptr;
    EXPECT_EQ(quorum.disks(), Disks{"colo-disk0 (quorum)"});
    quorum.devices[0]["inserted"]["node-name"] = "replication0";
    EXPECT_EQ(quorum.disks(), Disks{});
}

TEST(BlockGraph, CircleEnds) {
    Quorum quorum;
    quorum.graph["edges"].push_back(edge(2, 1));
    EXPECT_EQ(quorum.disks(), Disks{"colo-disk0 (quorum)"});
}

TEST(BlockGraph, NonsenseIsNoDisk) {
    EXPECT_EQ(unreplicated_disks(nullptr, nullptr, nullptr), Disks{});
    EXPECT_EQ(unreplicated_disks(7, "x", Json::array()), Disks{});
    EXPECT_EQ(unreplicated_disks(Json::array({1, "a"}), Json::array({2}), {{"edges", 3}}), Disks{});
}

}  // namespace
}  // namespace colo
