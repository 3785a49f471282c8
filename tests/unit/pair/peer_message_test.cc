// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/peer_message.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

using Octets = std::vector<uint8_t>;

TEST(PeerIdentity, HasOneEncoding) {
    const PeerIdentity identity{0x0102030405060708, 0xf0f1f2f3f4f5f6f7};
    const Octets octets{1, 2, 3, 4, 5, 6, 7, 8, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(encode(identity), octets);
    EXPECT_EQ(decode_identity(octets), identity);
}

TEST(PeerIdentity, OfNobodyOrOfAnotherLengthIsRefused) {
    for (const Octets& octets : {Octets{}, Octets(15, 1), Octets(17, 1), Octets(16, 0)})
        EXPECT_FALSE(decode_identity(octets)) << octets.size();
}

VmHealth health(bool is_gone, Time qmp, std::optional<ColoPhase> phase, Time channel) {
    VmHealth health;
    health.is_gone = is_gone;
    health.qmp_silence = qmp;
    health.phase = phase;
    health.channel_silence = channel;
    return health;
}

TEST(PeerHealth, ArrivesInWholeMilliseconds) {
    const VmHealth sent[] = {
        health(false, Time{0}, std::nullopt, Time{0}),
        health(true, milliseconds(5000), ColoPhase::kMigrating, milliseconds(1)),
        health(false, milliseconds(1), ColoPhase::kBroken, milliseconds(UINT32_MAX)),
    };
    for (const VmHealth& one : sent) {
        const auto heard = decode_health(encode(one));
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->is_gone, one.is_gone);
        EXPECT_EQ(heard->phase, one.phase);
        EXPECT_EQ(heard->qmp_silence, one.qmp_silence);
        EXPECT_EQ(heard->channel_silence, one.channel_silence);
    }
}

TEST(PeerHealth, LongerThanFitsIsTheLongest) {
    const auto heard = decode_health(encode(health(false, seconds(1L << 30), std::nullopt, Time{0})));
    EXPECT_EQ(heard->qmp_silence, milliseconds(UINT32_MAX));
}

TEST(PeerHealth, ThatIsMalformedIsRefused) {
    const Octets good = encode(health(false, Time{0}, ColoPhase::kRunning, Time{0}));
    Octets no_bool = good;
    no_bool[0] = 2;
    Octets no_phase = good;
    no_phase[1] = static_cast<uint8_t>(ColoPhase::kBroken) + 1;
    Octets longer = good;
    longer.push_back(0);
    for (const Octets& octets : {Octets{}, no_bool, no_phase, longer, Octets(good.begin(), good.end() - 1)})
        EXPECT_FALSE(decode_health(octets));
}

}  // namespace
}  // namespace colo
