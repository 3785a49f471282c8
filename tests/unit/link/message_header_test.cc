// SPDX-License-Identifier: GPL-2.0-or-later
// The vectors of docs/link.md, byte for byte.
#include "link/message_header.h"

#include <gtest/gtest.h>

#include "link/hello.h"
#include "tests/support/link_pair.h"

namespace colo {
namespace {

std::string hex(Bytes bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0 && i % 4 == 0) text += ' ';
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

TEST(MessageHeader, HasTheDocumentedBytes) {
    MessageHeader header;
    header.length = 0x01020304;
    header.channel = Channel::kStreams;
    header.type = MessageType::kAbort;
    header.procedure = 0x11121314;
    header.serial = 0x21222324;
    header.status = 0x31323334;
    header.epoch = 0x41424344;
    uint8_t bytes[kHeaderBytes];
    encode(header, bytes);
    EXPECT_EQ(hex(bytes), "01020304 01040600 11121314 21222324 31323334 41424344");
    uint8_t again[kHeaderBytes];
    encode(decode_header(bytes), again);
    EXPECT_EQ(hex(again), hex(bytes));
}

TEST(MessageHeader, OnlyWhatIsKnownAndFitsPasses) {
    struct Case {
        Channel channel;
        MessageType type;
        uint32_t length;
        const char* wrong;
    };
    const Case cases[] = {
        {Channel::kPackets, MessageType::kMessage, 24, ""},
        {Channel::kPackets, MessageType::kMessage, kMaxMessageBytesOnLink, ""},
        {Channel::kPackets, MessageType::kMessage, kMaxMessageBytesOnLink + 1,
         "a packet of length 69677 (24 to 69676)"},
        {Channel::kPackets, MessageType::kMessage, 23, "a packet of length 23 (24 to 69676)"},
        {Channel::kStreams, MessageType::kData, 0, "a stream data of length 0 (25 to 65536)"},
        {Channel::kStreams, MessageType::kData, 24, "a stream data of length 24 (25 to 65536)"},
        {Channel::kStreams, MessageType::kData, 65536, ""},
        {Channel::kStreams, MessageType::kData, 0xffffffff,
         "a stream data of length 4294967295 (25 to 65536)"},
        {Channel::kStreams, MessageType::kMessage, 28, ""},
        {Channel::kStreams, MessageType::kFinish, 25, "a stream finish of length 25 (24 to 24)"},
        {Channel::kStreams, MessageType::kReply, 24, "a message of type 2 on channel 4"},
        {Channel::kControl, MessageType::kCall, 24, ""},
        {Channel::kControl, MessageType::kData, 24, "a message of type 4 on channel 2"},
        {Channel::kHeartbeat, MessageType::kMessage, 24 + 4097,
         "a heartbeat of length 4121 (24 to 4120)"},
        {static_cast<Channel>(9), MessageType::kMessage, 24, "a message of type 3 on channel 9"},
        {Channel::kLink, static_cast<MessageType>(0), 24, "a message of type 0 on channel 0"},
    };
    for (const Case& c : cases) {
        MessageHeader header;
        header.channel = c.channel;
        header.type = c.type;
        header.length = c.length;
        EXPECT_EQ(check(header), c.wrong);
    }
}

TEST(MessageHeader, AnotherVersionAndReservedBitsAreRefused) {
    MessageHeader header;
    header.version = 2;
    EXPECT_EQ(check(header), "version 2");
    header.version = kLinkVersion;
    header.reserved = 1;
    EXPECT_EQ(check(header), "a reserved byte of 1");
}

TEST(Hello, HasTheDocumentedBytes) {
    Hello hello;
    hello.stream_window = 1 << 20;
    hello.max_streams = 256;
    hello.name = "primary";
    hello.capabilities = {{"vnet", "12", true}, {"x", "", false}};
    EXPECT_EQ(hex(encode(hello)),
              "636f6c6f 6c696e6b 01010010 00000000 01000770 72696d61 72790201 04766e65 74023132 "
              "00017800");
    const auto again = decode_hello(encode(hello));
    ASSERT_TRUE(again);
    EXPECT_EQ(encode(*again), encode(hello));
}

TEST(Hello, EveryShortenedOneIsMalformed) {
    Hello hello;
    hello.stream_window = 1;
    hello.name = "n";
    hello.capabilities = {{"vnet", "12", true}};
    const std::vector<uint8_t> whole = encode(hello);
    ASSERT_TRUE(decode_hello(whole));
    for (size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(decode_hello(Bytes(whole).first(size))) << size;
    }
}

TEST(Hello, WhatALaterVersionAppendsIsIgnored) {
    Hello hello;
    hello.stream_window = 1;
    std::vector<uint8_t> bytes = encode(hello);
    bytes.push_back(0xff);
    EXPECT_TRUE(decode_hello(bytes));
}

TEST(Hello, NonsenseIsMalformed) {
    Hello good;
    good.stream_window = 1;
    Hello no_window = good, backwards = good, no_version = good, huge = good, long_name = good, many = good;
    no_window.stream_window = 0;
    backwards.oldest_version = 3;
    no_version.oldest_version = 0;
    huge.stream_window = 0xffffffff;
    long_name.name = std::string(65, 'n');
    many.capabilities.resize(Hello::kMaxCapabilities, {"c", "", false});
    EXPECT_TRUE(decode_hello(encode(many)));
    many.capabilities.push_back({"c", "", false});
    for (const Hello& bad : {no_window, backwards, no_version, huge, long_name, many}) {
        EXPECT_FALSE(decode_hello(encode(bad)));
    }
}

TEST(Hello, VersionsMustMeetAndMandatoryCapabilitiesBeKnown) {
    Hello ours;
    Hello newer = ours, wants = ours, offers = ours;
    newer.oldest_version = 2;
    newer.newest_version = 5;
    wants.capabilities = {{"zstd", "", true}};
    offers.capabilities = {{"zstd", "", false}};
    EXPECT_EQ(judge(ours, newer, {}).text, "no version in common: 1 to 1 here, 2 to 5 there");
    EXPECT_EQ(judge(ours, wants, {}).text, "capability 'zstd' is mandatory and not known here");
    EXPECT_TRUE(judge(ours, wants, {"zstd"}).ok());
    EXPECT_TRUE(judge(ours, offers, {}).ok());
}

}  // namespace
}  // namespace colo
