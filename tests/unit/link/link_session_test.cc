// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/link_pair.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message(MessageHeader header, std::string_view payload = {}) {
    header.length = static_cast<uint32_t>(kHeaderBytes + payload.size());
    std::string bytes(kHeaderBytes, 0);
    encode(header, reinterpret_cast<uint8_t*>(bytes.data()));
    return bytes + std::string(payload);
}

MessageHeader header_of(Channel channel, MessageType type, uint32_t serial = 0) {
    MessageHeader header;
    header.channel = channel;
    header.type = type;
    header.serial = serial;
    return header;
}

std::string stream_message(MessageType type, uint32_t id, std::string_view payload = {}) {
    return message(header_of(Channel::kStreams, type, id), payload);
}

std::string open_message(uint32_t id) { return stream_message(MessageType::kCall, id, "\4echo"); }

class Up : public testing::Test {
  protected:
    Up() { pair_.run(); }

    LinkPair pair_;
    LinkEnd& a_ = pair_.a;
    LinkEnd& b_ = pair_.b;
};

TEST(LinkSession, IsUpWhenTheHellosHaveMet) {
    LinkPair pair;
    EXPECT_FALSE(pair.a.session->is_up());
    EXPECT_EQ(pair.a.session->send_packet({}, {}), PacketResult::kDown);
    EXPECT_FALSE(pair.a.session->open("echo"));
    pair.run();
    EXPECT_TRUE(pair.a.session->is_up());
    EXPECT_EQ(pair.a.peer.name, "b");
    EXPECT_THAT(pair.b.log, ElementsAre("up"));
}

TEST(LinkSession, AMandatoryCapabilityThatIsNotKnownIsRefusedWithAReason) {
    LinkConfig wants = LinkPair::config("a");
    wants.capabilities = {{"zstd", "", true}};
    LinkPair pair(wants);
    pair.run();
    EXPECT_EQ(pair.b.ending.code, LinkCode::kRefused);
    EXPECT_EQ(pair.a.ending.code, LinkCode::kRefused);
    EXPECT_EQ(pair.a.ending.text, "b: capability 'zstd' is mandatory and not known here");
}

TEST_F(Up, PacketsFencesAndOffsetsStayInOrder) {
    const PacketKind kinds[] = {PacketKind::kFrame, PacketKind::kOffsets, PacketKind::kFrame, PacketKind::kFence};
    uint32_t epoch = 0;
    for (const PacketKind kind : kinds) {
        ++epoch;
        const std::string payload = "p" + std::to_string(epoch);
        a_.session->send_packet({static_cast<uint32_t>(kind), 7, epoch}, as_bytes("v"), as_bytes(payload));
    }
    pair_.run();
    ASSERT_EQ(b_.packets.size(), 4u);
    EXPECT_EQ(b_.batches, 1);
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(b_.packets[i].first.kind, static_cast<uint32_t>(kinds[i]));
        EXPECT_EQ(b_.packets[i].first.port, 7u);
        EXPECT_EQ(b_.packets[i].first.epoch, i + 1);
        EXPECT_EQ(b_.packets[i].second, "vp" + std::to_string(i + 1));
    }
}

TEST_F(Up, PacketsAboveTheCapAreRefusedAndCounted) {
    const std::string large(kMaxPacketBytes, 'x');
    EXPECT_EQ(a_.session->send_packet({}, as_bytes(large + "x")), PacketResult::kFull);
    size_t queued = 0;
    while (a_.session->send_packet({}, as_bytes(large)) == PacketResult::kQueued) ++queued;
    EXPECT_EQ(queued, (64u << 20) / (kMaxPacketBytes + kHeaderBytes));
    EXPECT_EQ(a_.session->counters().packets_full, 2u);
    pair_.run();
    EXPECT_EQ(b_.packets.size(), queued);
}

/// The order in which messages come off the wire: their channels.
std::vector<int> channels_of(const std::string& bytes) {
    std::vector<int> channels;
    for (size_t at = 0; at + kHeaderBytes <= bytes.size();) {
        const MessageHeader header = decode_header(reinterpret_cast<const uint8_t*>(bytes.data()) + at);
        channels.push_back(static_cast<int>(header.channel));
        at += header.length;
    }
    return channels;
}

TEST_F(Up, ControlHeartbeatsAndPacketsOvertakeBulkData) {
    const auto stream = a_.session->open("discard");
    a_.take();
    const std::string much(256 << 10, 'x');
    stream->write(as_bytes(much));
    a_.session->send_packet({}, as_bytes("packet"));
    a_.session->send_heartbeat();
    a_.session->message(1, 0, as_bytes("control"));
    EXPECT_THAT(channels_of(a_.take()), ElementsAre(3, 2, 1, 4, 4, 4, 4, 4));
}

TEST_F(Up, LittleBulkDataIsCommittedAhead) {
    const auto stream = a_.session->open("discard");
    a_.take();
    const std::string much(256 << 10, 'x');
    stream->write(as_bytes(much));
    const std::string first = a_.take(1);  // and what was committed with it
    a_.session->message(1, 0, as_bytes("control"));
    const std::string rest = a_.take();
    EXPECT_THAT(channels_of(first + rest), ElementsAre(4, 4, 2, 4, 4, 4));
}

TEST_F(Up, StreamsTakeTurns) {
    const auto one = a_.session->open("discard");
    const auto two = a_.session->open("discard");
    a_.take();
    const std::string much(kMaxDataBytes * 2, 'x');
    one->write(as_bytes(much));
    two->write(as_bytes(much));
    const std::string bytes = a_.take();
    std::vector<uint32_t> turns;
    for (size_t at = 0; at < bytes.size();) {
        const MessageHeader header = decode_header(reinterpret_cast<const uint8_t*>(bytes.data()) + at);
        turns.push_back(header.serial);
        at += header.length;
    }
    EXPECT_THAT(turns, ElementsAre(1, 3, 1, 3));
}

TEST_F(Up, CallsAreAnsweredInAnyOrder) {
    std::vector<std::string> answers;
    const auto keep = [&](const LinkStatus& status, Bytes payload) {
        answers.push_back(std::string(to_string(status.code)) + " " + status.text + as_text(payload));
    };
    a_.session->call(5, 1, as_bytes("first"), keep);
    a_.session->call(6, 1, as_bytes("second"), keep);
    pair_.run();
    ASSERT_EQ(b_.calls.size(), 2u);
    b_.session->reply(b_.calls[1].serial, {}, as_bytes("two"));
    b_.session->reply(b_.calls[0].serial, {LinkCode::kFailed, "not today"});
    b_.session->reply(b_.calls[0].serial, {}, as_bytes("again"));
    pair_.run();
    EXPECT_THAT(answers, ElementsAre("ok two", "failed b: not today"));
    b_.knows_calls = false;
    a_.session->call(7, 1, {}, keep);
    pair_.run();
    EXPECT_EQ(answers.back(), "no such service b: there is no procedure 7");
    EXPECT_EQ(a_.session->counters().late_replies, 0u);
}

TEST_F(Up, CallsThatAreNotAnsweredEndWithTheLink) {
    int answered = 0;
    a_.session->call(5, 1, {}, [&](const LinkStatus& status, Bytes) {
        ++answered;
        EXPECT_EQ(status.code, LinkCode::kLinkLost);
    });
    a_.session->lost({LinkCode::kLinkLost, "gone"});
    a_.session->settle();
    EXPECT_EQ(answered, 1);
    EXPECT_THAT(a_.log, ElementsAre("up", "over"));
}

TEST_F(Up, NoMoreCallsThanTheLimitAreUnderWay) {
    const auto ignore = [](const LinkStatus&, Bytes) {};
    for (size_t i = 0; i < LinkSession::kMaxCalls; ++i) ASSERT_TRUE(a_.session->call(1, 0, {}, ignore));
    EXPECT_FALSE(a_.session->call(1, 0, {}, ignore));
}

TEST_F(Up, MoreCallsOfThePeerThanTheLimitAreAnsweredSo) {
    a_.take();
    for (uint32_t serial = 1; serial <= LinkSession::kMaxCalls + 1; ++serial)
        a_.give(message(header_of(Channel::kControl, MessageType::kCall, serial)));
    EXPECT_EQ(a_.session->counters().calls_refused, 1u);
    const std::string reply = a_.take();
    const MessageHeader header = decode_header(reinterpret_cast<const uint8_t*>(reply.data()));
    EXPECT_EQ(header.serial, LinkSession::kMaxCalls + 1);
    EXPECT_EQ(static_cast<LinkCode>(header.status), LinkCode::kTooMany);
    EXPECT_TRUE(a_.session->is_up());
}

TEST_F(Up, AReplyThatNobodyWaitsForIsCounted) {
    int answers = 0;
    a_.session->call(1, 0, {}, [&](const LinkStatus&, Bytes) { ++answers; });
    const std::string call = a_.take();
    const uint32_t serial = decode_header(reinterpret_cast<const uint8_t*>(call.data())).serial;
    const std::string reply = message(header_of(Channel::kControl, MessageType::kReply, serial));
    a_.give(reply);
    EXPECT_EQ(a_.session->counters().late_replies, 0u);
    a_.give(reply);
    EXPECT_EQ(a_.session->counters().late_replies, 1u);
    EXPECT_EQ(answers, 1);
}

TEST_F(Up, WhatIsTooLargeForControlIsRefused) {
    const std::string most(kMaxControlBytes, 'x');
    const auto answer = [](const LinkStatus&, Bytes) {};
    EXPECT_FALSE(a_.session->call(1, 0, as_bytes(most + "x"), answer));
    EXPECT_FALSE(a_.session->message(1, 0, as_bytes(most + "x")));
    EXPECT_TRUE(a_.session->call(1, 0, as_bytes(most), answer));
    EXPECT_TRUE(a_.session->message(1, 0, as_bytes(most)));
    pair_.run();
    EXPECT_EQ(b_.session->counters().calls_in, 1u);
    EXPECT_EQ(b_.session->counters().messages_in, 1u);
}

TEST_F(Up, AHeartbeatIsSkippedWhileTheLastOneWaits) {
    for (int i = 0; i < 3; ++i) a_.session->send_heartbeat();
    pair_.run();
    EXPECT_EQ(a_.session->counters().heartbeats_out, 1u);
    EXPECT_EQ(a_.session->counters().heartbeats_skipped, 2u);
    EXPECT_EQ(b_.session->counters().heartbeats_in, 1u);
}

TEST_F(Up, HeartbeatsGoOutByThemselves) {
    a_.session->set_heartbeat(9, as_bytes("well"));
    a_.session->tick(milliseconds(200));
    EXPECT_EQ(a_.session->next_deadline(), milliseconds(400));
    pair_.run();
    EXPECT_EQ(b_.log.back(), "heartbeat 9 well");
}

TEST_F(Up, APeerThatIsSilentIsGivenUp) {
    for (int ms = 200; ms < 3000; ms += 200) a_.session->tick(milliseconds(ms));
    EXPECT_TRUE(a_.session->is_up());
    a_.session->tick(milliseconds(3000));
    a_.session->settle();
    EXPECT_EQ(a_.ending.code, LinkCode::kTimeout);
    EXPECT_EQ(a_.ending.text, "nothing heard of b for 3000 ms");
}

TEST_F(Up, TimesHoldAsSoonAsTheyAreSet) {
    a_.session->tick(milliseconds(200));
    a_.session->set_times(milliseconds(50), milliseconds(500));
    EXPECT_EQ(a_.session->next_deadline(), milliseconds(250));
    for (int ms = 250; ms < 500; ms += 50) a_.session->tick(milliseconds(ms));
    EXPECT_TRUE(a_.session->is_up());
    a_.session->tick(milliseconds(500));
    a_.session->settle();
    EXPECT_EQ(a_.ending.text, "nothing heard of b for 500 ms");
}

TEST_F(Up, WhoSleptDoesNotBlameThePeer) {
    a_.session->tick(seconds(100));
    EXPECT_TRUE(a_.session->is_up());
}

TEST(LinkSession, AHelloThatDoesNotComeIsWaitedForOnlySoLong) {
    LinkEnd end(LinkPair::config("a"));
    EXPECT_EQ(end.session->next_deadline(), seconds(5));
    end.session->tick(seconds(5));
    end.session->settle();
    EXPECT_EQ(end.ending.text, "no hello within 5000 ms");
}

TEST(LinkSession, AHelloInDripsDoesNotProlongIt) {
    LinkEnd end(LinkPair::config("a"));
    const std::string hello = LinkEnd(LinkPair::config("b")).take();
    for (int i = 0; i < 40; ++i) {
        end.give(hello.substr(i, 1), milliseconds(100 * i));
        end.session->tick(milliseconds(100 * i));
    }
    end.session->tick(seconds(5));
    EXPECT_TRUE(end.session->is_over());
}

TEST_F(Up, AGoodbyeEndsItOnBothSides) {
    a_.session->close({LinkCode::kGoodbye, "stopped"});
    pair_.run();
    EXPECT_EQ(b_.ending.code, LinkCode::kGoodbye);
    EXPECT_EQ(b_.ending.text, "a: stopped");
    EXPECT_THAT(b_.log, ElementsAre("up", "over"));
}

TEST_F(Up, WhatWaitsAtTheEndIsCountedAndOnlyTheGoodbyeGoesOut) {
    a_.take();
    const auto stream = a_.session->open("discard");
    stream->write(as_bytes("data"));
    a_.session->send_packet({}, as_bytes("packet"));
    a_.session->close({LinkCode::kGoodbye, "stopped"});
    EXPECT_EQ(a_.session->counters().packet_bytes_lost, kHeaderBytes + 6);
    EXPECT_THAT(channels_of(a_.take()), ElementsAre(4, 0)) << "the stream's open, and the goodbye";
}

TEST_F(Up, AGoodbyeWithoutReasonIsOneAllTheSame) {
    MessageHeader goodbye = header_of(Channel::kLink, MessageType::kMessage);
    goodbye.procedure = kGoodbye;
    b_.give(message(goodbye));
    EXPECT_EQ(b_.ending.code, LinkCode::kGoodbye);
    EXPECT_EQ(b_.ending.text, std::string("a: ") + to_string(LinkCode::kOk));
}

/// What a hostile peer sends, and what we say of it.
TEST(LinkSession, WhatMustNotComeEndsTheLinkWithAReason) {
    MessageHeader newer = header_of(Channel::kControl, MessageType::kMessage);
    newer.version = 2;
    const std::string hello = LinkEnd(LinkPair::config("b")).take();
    std::string lying(kHeaderBytes, 0);
    MessageHeader huge = header_of(Channel::kStreams, MessageType::kData, 2);
    huge.length = 0xfffffff0;
    encode(huge, reinterpret_cast<uint8_t*>(lying.data()));
    const std::string finish = stream_message(MessageType::kFinish, 2);
    const std::string call = message(header_of(Channel::kControl, MessageType::kCall, 3));
    const std::pair<std::string, const char*> cases[] = {
        {lying, "b sent a stream data of length 4294967280 (25 to 65536)"},
        {message(newer), "b sent version 2"},
        {message(header_of(Channel::kPackets, MessageType::kCall)), "b sent a message of type 1 on channel 1"},
        {hello, "b sent a second hello"},
        {message(header_of(Channel::kLink, MessageType::kMessage)), "b sent link message 0"},
        {call + call, "b sent a call with the serial of one under way"},
        {stream_message(MessageType::kData, 2, "x"), "b sent stream 2, which was never opened"},
        {stream_message(MessageType::kData, 1, "x"), "b sent stream 1, which was never opened"},
        {stream_message(MessageType::kData, 0, "x"), "b sent stream 0, which was never opened"},
        {open_message(1), "b sent stream 1 opened out of order"},
        {open_message(4) + open_message(4), "b sent stream 4 opened out of order"},
        {open_message(4) + open_message(2), "b sent stream 2 opened out of order"},
        {stream_message(MessageType::kCall, 2, "\5echo"), "b sent stream 2 opened to no service"},
        {stream_message(MessageType::kCall, 2, std::string(1, '\0')), "b sent stream 2 opened to no service"},
        {open_message(2) + finish + stream_message(MessageType::kData, 2, "x"), "b sent data after the end of stream 2"},
        {open_message(2) + finish + finish, "b sent a second end of stream 2"},
        {open_message(2) + stream_message(MessageType::kDone, 2), "b sent stream 2 done before it was finished, or twice"},
        {open_message(2) + stream_message(MessageType::kMessage, 2, std::string(4, '\0')),
         "b sent a credit of 0 for stream 2"},
        {open_message(2) + stream_message(MessageType::kMessage, 2, "\x7f\xff\xff\xff"),
         "b sent a credit of 2147483647 for stream 2"},
    };
    for (const auto& [bytes, why] : cases) {
        LinkPair pair;
        pair.run();
        pair.a.give(bytes);
        EXPECT_EQ(pair.a.ending.code, LinkCode::kProtocol) << why;
        EXPECT_EQ(pair.a.ending.text, why);
        pair.b.give(pair.a.take());
        EXPECT_EQ(pair.b.ending.text, std::string("a: you") + (why + 1)) << why;
    }
}

TEST(LinkSession, NothingPassesBeforeTheHello) {
    for (const std::string& bytes : {message(header_of(Channel::kPackets, MessageType::kMessage)), open_message(2),
                                     message(header_of(Channel::kControl, MessageType::kCall))}) {
        LinkEnd end(LinkPair::config("a"));
        end.give(bytes);
        EXPECT_EQ(end.ending.text, "peer sent something before its hello");
    }
}

TEST(LinkSession, TlsWhereThereIsNoneIsNamed) {
    const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    const std::string alert("\x15\x03\x03\x00\x02\x02\x0a", 7);
    for (const std::string& bytes : {hello, alert}) {
        LinkEnd end(LinkPair::config("a"));
        end.give(bytes);
        EXPECT_EQ(end.ending.text, "peer sent TLS, which is not used here");
    }
}

TEST_F(Up, WhatIsDoneTwiceEndsTheLink) {
    const auto stream = a_.session->open("discard");
    stream->finish();
    a_.take();
    const std::string done = stream_message(MessageType::kDone, stream->id());
    a_.give(done);
    EXPECT_TRUE(a_.session->is_up());
    a_.give(done);
    EXPECT_EQ(a_.ending.text, "b sent stream 1 done before it was finished, or twice");
}

TEST_F(Up, MoreDataThanThereWasCreditForEndsTheLink) {
    b_.give(open_message(1));
    b_.users[0]->reads = false;
    const std::string data = stream_message(MessageType::kData, 1, std::string(kMaxDataBytes, 'x'));
    for (uint32_t sent = 0; sent + kMaxDataBytes <= StreamLimits().window; sent += kMaxDataBytes) {
        b_.give(data);
        ASSERT_TRUE(b_.session->is_up());
    }
    b_.give(data);
    EXPECT_EQ(b_.ending.text, "a sent more data for stream 1 than it had credit for");
}

TEST_F(Up, AMillionOpensAreRefusedAndBounded) {
    for (uint32_t i = 0; i < 1'000'000 && b_.session->is_up(); ++i) {
        b_.give(open_message(2 * i + 1));
        if (i % 1000 == 0) b_.take();  // a peer that reads
    }
    EXPECT_TRUE(b_.session->is_up());
    EXPECT_EQ(b_.session->streams(), StreamLimits().max_streams);
    EXPECT_EQ(b_.session->stream_counters().refused, 1'000'000 - StreamLimits().max_streams);
}

TEST_F(Up, WhoAsksMoreThanItReadsIsGivenUp) {
    for (uint32_t i = 0; i < 1'000'000 && b_.session->is_up(); ++i) b_.give(open_message(2 * i + 1));
    EXPECT_EQ(b_.ending.text, "a sent more than it reads the answers of");
}

TEST_F(Up, AStreamThatIsOverMayBeSpokenOfForAWhile) {
    b_.give(open_message(1));
    b_.streams[0]->abort({LinkCode::kCancelled, "no"});
    b_.give(stream_message(MessageType::kData, 1, "x") + stream_message(MessageType::kAbort, 1));
    EXPECT_TRUE(b_.session->is_up());
    EXPECT_EQ(b_.session->stream_counters().late, 2u);
}

}  // namespace
}  // namespace colo
