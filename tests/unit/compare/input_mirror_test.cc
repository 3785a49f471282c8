// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/input_mirror.h"

#include <gtest/gtest.h>

#include "packet/checksum.h"
#include "packet/tcp_options.h"
#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

class Mirror : public testing::Test {
  protected:
    Frame mirror(const ByteVector& bytes) {
        const Frame frame = pool_.copy(bytes);
        Frame copy = mirror_.mirror(frame);
        EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), frame.bytes().begin()))
            << "the primary's frame was altered";
        EXPECT_EQ(copy.size(), bytes.size());
        return copy;
    }
    static PacketView view_of(const Frame& frame) {
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        return view;
    }
    static ByteVector client() {
        return FrameBuilder(CompareRig::builder_of(web))
            .swap_ends()
            .seq(70'001)
            .ack(1001)
            .options({tcp_option::nop(), tcp_option::nop(), tcp_option::timestamps(8, 100),
                      tcp_option::nop(), tcp_option::nop(), tcp_option::sack({{1101, 1201}})})
            .payload("question")
            .build();
    }

    FramePool pool_;
    InputMirror mirror_{2, FlowHash(1, 2), pool_};
};

TEST_F(Mirror, CopiesWhatItKnowsNothingOf) {
    const ByteVector frames[] = {client(), CompareRig::builder_of(Udp{}).payload("x").build(),
                                 FrameBuilder().arp(1, kPeer, kGuest).build(), ByteVector(5)};
    for (const ByteVector& bytes : frames) {
        const Frame copy = mirror(bytes);
        EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), copy.bytes().begin()));
    }
    EXPECT_EQ(mirror_.counters().input_frames, 4u);
    EXPECT_EQ(mirror_.counters().input_mapped, 0u);
}

TEST_F(Mirror, MapsAckSackAndEchoIntoTheSecondarysNumbers) {
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {499'000, 7}, .origin = Seq(1001)});
    const Frame copy = mirror(client());
    const PacketView view = view_of(copy);
    EXPECT_EQ(view.seq, Seq(70'001));
    EXPECT_EQ(view.ack, Seq(500'001));
    const TcpOptions options = parse_tcp_options(view);
    EXPECT_EQ(options.timestamps->value, 8u);
    EXPECT_EQ(options.timestamps->echo, 107u);
    EXPECT_EQ(options.sack->blocks[0], (SackBlocks::Block{Seq(500'101), Seq(500'201)}));
    EXPECT_TRUE(transport_checksum_ok(view));
    EXPECT_EQ(mirror_.counters().input_mapped, 1u);
}

TEST_F(Mirror, LaterOffsetReplacesTheEarlier) {
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {1, 0}, .origin = Seq(1001)});
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {-1001, 0}, .origin = Seq(1001)});
    EXPECT_EQ(view_of(mirror(client())).ack, Seq(0));
}

TEST_F(Mirror, EchoNeverRunsAheadOfTheSecondarysClock) {
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {499'000, 7}, .origin = Seq(1001)});
    const auto echo_after_secondary_said = [&](uint32_t tsval) {
        const ByteVector sent =
            FrameBuilder(CompareRig::builder_of(web))
                .options({tcp_option::nop(), tcp_option::nop(), tcp_option::timestamps(tsval, 1)})
                .build();
        const Frame frame = pool_.copy(sent);
        mirror_.secondary_sent(view_of(frame));
        return parse_tcp_options(view_of(mirror(client()))).timestamps->echo;
    };
    EXPECT_EQ(echo_after_secondary_said(105), 105u);
    EXPECT_EQ(echo_after_secondary_said(104), 105u) << "an older frame takes nothing back";
    EXPECT_EQ(echo_after_secondary_said(106), 106u);
    EXPECT_EQ(mirror_.counters().clamped, 3u);
    EXPECT_EQ(echo_after_secondary_said(108), 107u);
    EXPECT_EQ(mirror_.counters().clamped, 3u);
}

TEST_F(Mirror, AckChoosesAmongTheAnnouncedNumbersOfOneHandshake) {
    const FlowKey key = CompareRig::key_of(web);
    for (const bool again : {true, false}) {
        mirror_.delta_known(key, {.delta = {10, 0}, .origin = Seq(1001)});
        mirror_.delta_known(key, {.delta = {77, 0}, .origin = Seq(500), .again = again});
        EXPECT_EQ(view_of(mirror(client())).ack, Seq(again ? 1011 : 1078));
        mirror_.delta_known(key, {.delta = {10, 0}, .origin = Seq(1001)});
    }
}

TEST_F(Mirror, FenceForgetsAllOffsets) {
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {499'000, 7}, .origin = Seq(1001)});
    mirror_.fence();
    EXPECT_EQ(view_of(mirror(client())).ack, Seq(1001));
}

TEST_F(Mirror, BoundIsCounted) {
    for (uint16_t port = 1; port <= 4; ++port) {
        const Tcp tcp{.guest_port = port};
        mirror_.delta_known(CompareRig::key_of(tcp), {.delta = {1, 0}, .origin = Seq(1001)});
        mirror(FrameBuilder(CompareRig::builder_of(tcp)).swap_ends().seq(1).ack(1001).build());
    }
    EXPECT_EQ(mirror_.counters().no_room, 2u);
}

TEST_F(Mirror, CorruptedSegmentStaysCorrupted) {
    mirror_.delta_known(CompareRig::key_of(web), {.delta = {499'000, 7}, .origin = Seq(1001)});
    ByteVector bytes = client();
    bytes.back() ^= 1;
    EXPECT_FALSE(transport_checksum_ok(view_of(mirror(bytes))));
}

}  // namespace
}  // namespace colo::test
