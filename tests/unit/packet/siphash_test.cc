// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/siphash.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace colo {
namespace {

/// The byte-string hash of whole words: it appends the length in bytes as the last word's top byte.
uint64_t standard(uint64_t key0, uint64_t key1, std::initializer_list<uint64_t> words) {
    SipHash13 hash(key0, key1);
    for (uint64_t word : words) hash.add(word);
    hash.add(static_cast<uint64_t>(words.size() * 8) << 56);
    return hash.finish();
}

// From CPython 3.11 (its hash of bytes is SipHash-1-3), PYTHONHASHSEED=0: both keys are 0.
TEST(SipHashTest, MatchesCPython) {
    EXPECT_EQ(standard(0, 0, {0x6867666564636261}), 0x3f7b849c0b8e35eau);
    EXPECT_EQ(standard(0, 0, {0x6867666564636261, 0x706f6e6d6c6b6a69}), 0x94f60d3d29e6a312u);
    EXPECT_EQ(standard(0, 0,
                       {0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110,
                        0x1f1e1d1c1b1a1918, 0x2726252423222120}),
              0x95bc321ab41d8206u);
}

// The first of the vectors in Rust's core library: the empty message under key 00 01 .. 0f.
TEST(SipHashTest, MatchesRust) {
    EXPECT_EQ(standard(0x0706050403020100, 0x0f0e0d0c0b0a0908, {}), 0xabac0158050fc4dcu);
}

TEST(SipHashTest, DomainsDoNotShareHashes) {
    EXPECT_NE(SipHash13(1, 2, 0).finish(), SipHash13(1, 2, 1).finish());
}

}  // namespace
}  // namespace colo
