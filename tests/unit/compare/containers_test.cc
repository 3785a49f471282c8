// SPDX-License-Identifier: GPL-2.0-or-later
// Lists, pools and where two runs of bytes differ.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "compare/backlogs.h"
#include "compare/list.h"
#include "compare/node_pool.h"
#include "compare/overlap.h"
#include "compare/request.h"

namespace colo {
namespace {

struct Node {
    int value = 0;
    Node* next = nullptr;
    Node* older = nullptr;
    Node* newer = nullptr;
};
using List = Fifo<Node, &Node::next>;
using Both = Chain<Node, &Node::older, &Node::newer>;

std::vector<int> values(const List& list) {
    std::vector<int> all;
    for (const Node* node = list.front(); node; node = node->next) all.push_back(node->value);
    EXPECT_EQ(all.size(), list.size());
    EXPECT_EQ(all.empty(), list.empty());
    return all;
}
std::vector<int> values(const Both& chain) {
    std::vector<int> all;
    for (const Node* node = chain.front(); node; node = node->newer) all.push_back(node->value);
    EXPECT_EQ(all.empty(), chain.empty());
    return all;
}

TEST(FifoTest, FirstInFirstOut) {
    Node nodes[3] = {{1}, {2}, {3}};
    List list;
    EXPECT_EQ(list.front(), nullptr);
    for (Node& node : nodes) list.push_back(&node);
    EXPECT_EQ(values(list), (std::vector{1, 2, 3}));
    EXPECT_EQ(list.pop_front()->value, 1);
    EXPECT_EQ(list.pop_front()->value, 2);
    EXPECT_EQ(list.pop_front()->value, 3);
    EXPECT_TRUE(list.empty());
    list.push_back(&nodes[1]);
    list.push_front(&nodes[0]);
    list.push_back(&nodes[2]);
    EXPECT_EQ(values(list), (std::vector{1, 2, 3}));
}

TEST(FifoTest, InsertsBehindAnyPlace) {
    Node nodes[5] = {{1}, {2}, {3}, {4}, {5}};
    List list;
    list.insert_after(nullptr, &nodes[1]);
    list.insert_after(nullptr, &nodes[0]);
    list.insert_after(&nodes[1], &nodes[3]);
    list.insert_after(&nodes[1], &nodes[2]);
    list.push_back(&nodes[4]);
    EXPECT_EQ(values(list), (std::vector{1, 2, 3, 4, 5}));
}

TEST(FifoTest, PushFrontOntoAnEmptyOneSetsItsEnd) {
    Node nodes[2] = {{1}, {2}};
    List list;
    list.push_front(&nodes[0]);
    list.push_back(&nodes[1]);
    EXPECT_EQ(values(list), (std::vector{1, 2}));
}

TEST(FifoTest, TakesOutOfTheMiddleAndTheEnds) {
    for (int gone = 0; gone < 3; ++gone) {
        Node nodes[4] = {{0}, {1}, {2}, {9}};
        List list;
        for (int i = 0; i < 3; ++i) list.push_back(&nodes[i]);
        EXPECT_EQ(list.take_after(gone ? &nodes[gone - 1] : nullptr), &nodes[gone]);
        list.push_back(&nodes[3]);
        std::vector<int> expected{0, 1, 2, 9};
        expected.erase(expected.begin() + gone);
        EXPECT_EQ(values(list), expected);
    }
}

TEST(ChainTest, TakesOutAnywhere) {
    for (int gone = 0; gone < 3; ++gone) {
        Node nodes[4] = {{0}, {1}, {2}, {9}};
        Both chain;
        for (int i = 0; i < 3; ++i) chain.push_back(&nodes[i]);
        chain.remove(&nodes[gone]);
        chain.push_back(&nodes[3]);
        std::vector<int> expected{0, 1, 2, 9};
        expected.erase(expected.begin() + gone);
        EXPECT_EQ(values(chain), expected);
        while (!chain.empty()) chain.remove(chain.front());
        chain.push_back(&nodes[gone]);
        EXPECT_EQ(values(chain), std::vector{gone});
    }
}

TEST(NodePoolTest, RecyclesTheLastOneFirst) {
    NodePool<Node> pool;
    Node* const a = pool.make();
    Node* const b = pool.make();
    EXPECT_EQ(pool.live(), 2u);
    pool.recycle(a);
    pool.recycle(b);
    EXPECT_EQ(pool.live(), 0u);
    EXPECT_EQ(pool.make(), b);
    EXPECT_EQ(pool.make(), a);
}

TEST(NodePoolTest, AddressesAreStableAndApart) {
    NodePool<Node> pool;
    std::set<Node*> all;
    for (int i = 0; i < 2000; ++i) {
        Node* node = pool.make();
        node->value = i;
        all.insert(node);
    }
    EXPECT_EQ(all.size(), 2000u);
    long sum = 0;
    for (const Node* node : all) sum += node->value;
    EXPECT_EQ(sum, 1999L * 2000 / 2);
    for (Node* node : all) pool.recycle(node);
}

TEST(NodePoolTest, ConstructsAndDestroys) {
    struct Owner {
        Owner() = default;
        explicit Owner(std::shared_ptr<int> it) : what(std::move(it)) {}
        std::shared_ptr<int> what;
    };
    const auto what = std::make_shared<int>(1);
    NodePool<Owner> pool;
    Owner* owner = pool.make(what);
    EXPECT_EQ(what.use_count(), 2);
    pool.recycle(owner);
    EXPECT_EQ(what.use_count(), 1);
    EXPECT_EQ(pool.make()->what, nullptr);
}

// --- Backlogs

TEST(BacklogsTest, ExistOnlyWhileThereIsSomething) {
    Backlogs backlogs;
    Flow a;
    Flow b;
    EXPECT_EQ(backlogs.find(a), nullptr);
    Backlog& of_a = backlogs.of(a, 7);
    EXPECT_EQ(&backlogs.of(a, 7), &of_a);
    EXPECT_EQ(of_a.flow, 7u);
    Backlog& of_b = backlogs.of(b, 8);
    EXPECT_EQ(backlogs.first(), &of_a);
    Parked parked;
    of_a.held.push_back(&parked);
    backlogs.release_if_empty(a);
    backlogs.release_if_empty(b);
    EXPECT_EQ(backlogs.find(a), &of_a);
    EXPECT_EQ(backlogs.find(b), nullptr);
    of_a.held.pop_front();
    backlogs.release_if_empty(a);
    EXPECT_EQ(backlogs.find(a), nullptr);
    EXPECT_EQ(backlogs.first(), nullptr);
    EXPECT_EQ(&backlogs.of(b, 9), &of_a) << "not recycled";
    EXPECT_EQ(of_a.flow, 9u);
    (void)of_b;
}

TEST(BacklogsTest, KeptBytesAreRecycledEmpty) {
    Backlogs backlogs;
    auto kept = backlogs.make_kept(Seq(5));
    kept->bytes.assign(1000, 1);
    EXPECT_EQ(kept->end(), Seq(1005));
    const uint8_t* memory = kept->bytes.data();
    backlogs.recycle(std::move(kept));
    kept = backlogs.make_kept(Seq(9));
    EXPECT_EQ(kept->begin, Seq(9));
    EXPECT_TRUE(kept->bytes.empty());
    EXPECT_EQ(kept->bytes.data(), memory);
}

// --- Differences

Bytes bytes(const char* text) {
    return {reinterpret_cast<const uint8_t*>(text), std::strlen(text)};
}

TEST(FirstMismatch, IsTheFirst) {
    EXPECT_EQ(first_mismatch(bytes("abc"), bytes("abc")), std::nullopt);
    EXPECT_EQ(first_mismatch(bytes("abc"), bytes("abcd")), std::nullopt);
    EXPECT_EQ(first_mismatch(bytes(""), bytes("abcd")), std::nullopt);
    EXPECT_EQ(first_mismatch(bytes("xbc"), bytes("abc")), 0u);
    EXPECT_EQ(first_mismatch(bytes("axx"), bytes("abc")), 1u);
    EXPECT_EQ(first_mismatch(bytes("abx"), bytes("abcd")), 2u);
}

TEST(FirstDifference, LooksAtWhatBothHave) {
    struct Case {
        uint32_t begin_a;
        const char* a;
        uint32_t begin_b;
        const char* b;
        bool overlap;
        std::optional<uint32_t> at;
    };
    const Case cases[] = {
        {10, "abc", 13, "def", false, {}},
        {13, "def", 10, "abc", false, {}},
        {10, "abc", 12, "cde", true, {}},
        {10, "abc", 12, "xde", true, 12},
        {12, "xde", 10, "abc", true, 12},
        {10, "abcdef", 12, "cd", true, {}},
        {10, "abcdef", 12, "cx", true, 13},
        {10, "", 10, "abc", false, {}},
        {0xfffffffe, "abcd", 0, "cx", true, 1},
        {0, "cd", 0xfffffffe, "abcd", true, {}},
        {0xffffffff, "ab", 0xfffffffe, "xab", true, {}},
    };
    for (const Case& c : cases) {
        const auto found = first_difference(Seq(c.begin_a), bytes(c.a), Seq(c.begin_b), bytes(c.b));
        EXPECT_EQ(found.overlap, c.overlap) << c.a << " " << c.b;
        EXPECT_EQ(found.at.has_value(), c.at.has_value()) << c.a << " " << c.b;
        EXPECT_EQ(found.at.value_or(Seq()).raw(), c.at.value_or(0));
    }
}

TEST(Excerpts, BeginTogetherAndAreBounded) {
    const std::vector<uint8_t> ours(200, 1);
    std::vector<uint8_t> theirs(200, 1);
    theirs[100] = 2;
    const Evidence far = excerpts("payload", 1000, ours, theirs, 100);
    EXPECT_EQ(far.begin, 1100u - Evidence::kContext);
    EXPECT_EQ(far.primary.size(), Evidence::kBytes);
    EXPECT_EQ(far.secondary.size(), Evidence::kBytes);
    EXPECT_EQ(far.secondary[Evidence::kContext], 2);
    const Evidence near = excerpts("payload", 0, Bytes(ours).first(3), Bytes(ours).first(5), 3);
    EXPECT_EQ(near.begin, 0u);
    EXPECT_EQ(near.primary.size(), 3u);
    EXPECT_EQ(near.secondary.size(), 5u);
}

TEST(Reasons, HaveTheirNames) {
    const char* const names[] = {"divergence", "timeout", "table-full", "queue-full",
                                 "peer",       "manual",  "periodic",   "policy-change"};
    for (size_t i = 0; i < kReasons; ++i) {
        EXPECT_STREQ(to_string(static_cast<Reason>(i)), names[i]);
    }
}

}  // namespace
}  // namespace colo
