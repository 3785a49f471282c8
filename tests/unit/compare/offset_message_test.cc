// SPDX-License-Identifier: GPL-2.0-or-later
// docs/link.md, "Offsets".
#include "compare/offset_message.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

ByteVector from_hex(const std::string& text) {
    ByteVector bytes;
    for (size_t at = 0; at < text.size();) {
        if (text[at] == ' ') {
            ++at;
            continue;
        }
        bytes.push_back(static_cast<uint8_t>(std::stoul(text.substr(at, 2), nullptr, 16)));
        at += 2;
    }
    return bytes;
}

FlowKey key_of(Wrapping wrapping) {
    return key_of_output(parse(Bytes(wrapped(wrapping).build()), 0));
}

// 10.0.0.1:80 and 10.0.0.9:40000 without a VLAN; 2001:db8::1 and ::9 in VLAN 7.
const std::string kIpv4Flow =
    "00 00 0050 9c40 0fff 0fff 0a000001 00000000 00000000 00000000 0a000009 00000000 00000000 "
    "00000000 ";
const std::string kIpv6Flow =
    "01 00 0050 9c40 0007 0fff 20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 "
    "00000009 ";
const std::string kQinqFlow =
    "00 00 0050 9c40 0007 0008 0a000001 00000000 00000000 00000000 0a000009 00000000 00000000 "
    "00000000 ";

struct Case {
    const char* name;
    OffsetMessage message;
    std::string hex;
};

std::vector<Case> messages() {
    const FlowKey ipv4 = key_of(Wrapping::kIpv4);
    const FlowKey ipv6 = key_of(Wrapping::kVlanIpv6);
    return {
        {"delta", {ipv4, Announcement{{0x01020304, 0x05060708}, Seq(0x11121314)}},
         "00 00 " + kIpv4Flow + "01020304 05060708 11121314"},
        {"delta, again", {ipv6, Announcement{{-2, 0xfffffffe}, Seq(1), true}},
         "00 01 " + kIpv6Flow + "fffffffe fffffffe 00000001"},
        {"base", {key_of(Wrapping::kQinq), Base{{-1, 3}, Seq(0x61626364)}},
         "01 01 " + kQinqFlow + "ffffffff 00000003 61626364"},
        {"no base any more", {ipv6, Base{}}, "01 00 " + kIpv6Flow + "00000000 00000000 00000000"},
        {"unsettled, accepted",
         {ipv4, Handshake{Seq(0x21222324), Seq(0x21222325), Seq(0x31323334),
                          Handshake::Stamps{0x41424344, 0x51525354}}},
         "02 0c " + kIpv4Flow + "21222324 21222325 31323334 41424344 51525354"},
        {"unsettled, begun by the VM, with data",
         {ipv4, Handshake{Seq(1), Seq(5), {}, {}, true, true}},
         "02 03 " + kIpv4Flow + "00000001 00000005 00000000 00000000 00000000"},
    };
}

TEST(OffsetMessage, IsTheseBytes) {
    for (const Case& one : messages()) {
        SCOPED_TRACE(one.name);
        const EncodedOffsetMessage encoded(one.message);
        const ByteVector bytes(encoded.bytes().begin(), encoded.bytes().end());
        EXPECT_EQ(bytes, from_hex(one.hex));
        EXPECT_EQ(decode_offset_message(bytes), one.message);
    }
}

TEST(OffsetMessage, OfAnotherLengthIsRefused) {
    for (const Case& one : messages()) {
        SCOPED_TRACE(one.name);
        ByteVector bytes = from_hex(one.hex);
        bytes.push_back(0);
        EXPECT_FALSE(decode_offset_message(bytes));
        for (bytes.pop_back(); !bytes.empty();) {
            bytes.pop_back();
            EXPECT_FALSE(decode_offset_message(bytes)) << bytes.size();
        }
    }
}

struct Damage {
    const char* name;
    size_t message;  ///< index into messages()
    size_t at;
    uint8_t value;
};

constexpr Damage kDamages[] = {
    {"a kind that does not exist", 0, 0, 3},
    {"another kind of the same length", 0, 0, 1},
    {"a flag of a delta", 0, 1, 0x02},
    {"a flag of a base", 2, 1, 0x03},
    {"an isn that is not there", 3, 55, 1},
    {"a flag of a handshake", 4, 1, 0x1c},
    {"no IP", 0, 2, 2},
    {"reserved", 0, 3, 1},
    {"a VLAN beyond 12 bits", 0, 8, 0x1f},
    {"VLAN 0", 1, 9, 0},
    {"an inner VLAN beyond 12 bits", 1, 10, 0x10},
    {"an inner VLAN alone", 0, 11, 8},
    {"guest's IPv4 address goes on", 0, 16, 1},
    {"peer's IPv4 address goes on", 0, 43, 1},
    {"an IPv6 address as IPv4", 1, 2, 0},
    {"an ack that is not there", 5, 55, 1},
    {"a first stamp that is not there", 5, 56, 1},
    {"a latest stamp that is not there", 5, 63, 1},
};

TEST(OffsetMessage, MalformedOnesAreRefused) {
    const auto all = messages();
    for (const Damage& damage : kDamages) {
        ByteVector bytes = from_hex(all[damage.message].hex);
        ASSERT_NE(bytes.at(damage.at), damage.value) << damage.name;
        bytes.at(damage.at) = damage.value;
        EXPECT_FALSE(decode_offset_message(bytes)) << damage.name;
    }
}

/// Whatever is not refused is its own encoding.
TEST(OffsetMessage, HasOneEncodingOnly) {
    std::mt19937 random(1);
    size_t taken = 0;
    const auto all = messages();
    for (int i = 0; i < 20'000; ++i) {
        ByteVector bytes = from_hex(all[random() % all.size()].hex);
        for (int changes = 0; changes < 2; ++changes) {
            bytes[random() % bytes.size()] = static_cast<uint8_t>(random() % 20);
        }
        const auto message = decode_offset_message(bytes);
        if (!message) continue;
        ++taken;
        const EncodedOffsetMessage again(*message);
        EXPECT_EQ(ByteVector(again.bytes().begin(), again.bytes().end()), bytes);
    }
    EXPECT_GT(taken, 1000u);
}

}  // namespace
}  // namespace colo::test
