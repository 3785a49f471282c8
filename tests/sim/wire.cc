// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/wire.h"

#include <array>
#include <cstdio>
#include <span>
#include <stdexcept>

namespace colo::sim {

namespace {

constexpr size_t kIp = 14;
constexpr size_t kL4 = kIp + 20;
constexpr std::array<uint8_t, 6> kGuestMac{0x52, 0x54, 0, 0, 0, 2};
constexpr std::array<uint8_t, 6> kClientMac{0x52, 0x54, 0, 0, 0, 1};
constexpr uint32_t kGuestAddress = 0x0a000002;
constexpr uint32_t kClientAddress = 0x0a000001;

void add16(ByteVector& to, uint32_t v) {
    to.push_back(static_cast<uint8_t>(v >> 8));
    to.push_back(static_cast<uint8_t>(v));
}
void add32(ByteVector& to, uint32_t v) {
    add16(to, v >> 16);
    add16(to, v & 0xffff);
}
void set16(ByteVector& in, size_t at, uint32_t v) {
    in[at] = static_cast<uint8_t>(v >> 8);
    in[at + 1] = static_cast<uint8_t>(v);
}
uint16_t get16(const ByteVector& from, size_t at) {
    return static_cast<uint16_t>(from[at] << 8 | from[at + 1]);
}
uint32_t get32(const ByteVector& from, size_t at) {
    return static_cast<uint32_t>(get16(from, at)) << 16 | get16(from, at + 2);
}

uint64_t word_sum(std::span<const uint8_t> bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<uint64_t>(bytes[i]) << 8 | bytes[i + 1];
    }
    if (bytes.size() % 2 == 1) sum += static_cast<uint64_t>(bytes.back()) << 8;
    return sum;
}

uint16_t fold(uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

/// Of the transport with its pseudo header; 0 over one that contains its checksum.
uint16_t transport_checksum(const ByteVector& frame, uint8_t protocol) {
    const std::span<const uint8_t> all(frame);
    const size_t size = frame.size() - kL4;
    return fold(word_sum(all.subspan(kIp + 12, 8)) + protocol + size + word_sum(all.subspan(kL4)));
}

void add_options(ByteVector& to, const Packet& packet) {
    if (packet.mss != 0) {
        to.insert(to.end(), {2, 4});
        add16(to, packet.mss);
    }
    if (packet.window_scale >= 0) {
        to.insert(to.end(), {1, 3, 3, static_cast<uint8_t>(packet.window_scale)});
    }
    if (packet.sack_permitted) to.insert(to.end(), {1, 1, 4, 2});
    if (packet.timestamps) {
        to.insert(to.end(), {1, 1, 8, 10});
        add32(to, packet.tsval);
        add32(to, packet.tsecr);
    }
    if (packet.sack.empty()) return;
    to.insert(to.end(), {1, 1, 5, static_cast<uint8_t>(2 + 8 * packet.sack.size())});
    for (const auto& [left, right] : packet.sack) {
        add32(to, left);
        add32(to, right);
    }
}

void add_tcp(ByteVector& frame, const Packet& packet) {
    const Tuple& tuple = packet.tuple;
    add16(frame, packet.from_guest ? tuple.guest_port : tuple.client_port);
    add16(frame, packet.from_guest ? tuple.client_port : tuple.guest_port);
    add32(frame, packet.seq);
    add32(frame, packet.ack);
    add16(frame, packet.flags);
    add16(frame, packet.window);
    add32(frame, 0);
    add_options(frame, packet);
    frame[kL4 + 12] = static_cast<uint8_t>((frame.size() - kL4) / 4 << 4);
    frame.insert(frame.end(), packet.payload.begin(), packet.payload.end());
    set16(frame, kL4 + 16, transport_checksum(frame, 6));
}

void add_udp(ByteVector& frame, const Packet& packet) {
    const Tuple& tuple = packet.tuple;
    add16(frame, packet.from_guest ? tuple.guest_port : tuple.client_port);
    add16(frame, packet.from_guest ? tuple.client_port : tuple.guest_port);
    add16(frame, static_cast<uint32_t>(8 + packet.payload.size()));
    add16(frame, 0);
    frame.insert(frame.end(), packet.payload.begin(), packet.payload.end());
    const uint16_t sum = transport_checksum(frame, 17);
    set16(frame, kL4 + 6, sum == 0 ? 0xffff : sum);
}

void read_option(Packet& packet, const ByteVector& frame, size_t at) {
    switch (frame[at]) {
        case 2:
            packet.mss = get16(frame, at + 2);
            break;
        case 3:
            packet.window_scale = frame[at + 2];
            break;
        case 4:
            packet.sack_permitted = true;
            break;
        case 5:
            for (size_t i = at + 2; i < at + frame[at + 1]; i += 8) {
                packet.sack.emplace_back(get32(frame, i), get32(frame, i + 4));
            }
            break;
        case 8:
            packet.timestamps = true;
            packet.tsval = get32(frame, at + 2);
            packet.tsecr = get32(frame, at + 6);
            break;
    }
}

void read_tcp(Packet& packet, const ByteVector& frame) {
    packet.seq = get32(frame, kL4 + 4);
    packet.ack = get32(frame, kL4 + 8);
    packet.flags = frame[kL4 + 13];
    packet.window = get16(frame, kL4 + 14);
    const size_t payload = kL4 + (frame[kL4 + 12] >> 4) * 4u;
    for (size_t at = kL4 + 20; at < payload; at += frame[at] == 1 ? 1 : frame[at + 1]) {
        read_option(packet, frame, at);
    }
    packet.payload.assign(frame.begin() + static_cast<ptrdiff_t>(payload), frame.end());
}

}  // namespace

ByteVector encode(const Packet& packet) {
    const bool out = packet.from_guest;
    ByteVector frame;
    frame.reserve(kL4 + 60 + packet.payload.size());
    const auto& to = out ? kClientMac : kGuestMac;
    const auto& from = out ? kGuestMac : kClientMac;
    frame.insert(frame.end(), to.begin(), to.end());
    frame.insert(frame.end(), from.begin(), from.end());
    add16(frame, 0x0800);
    frame.insert(frame.end(), {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64,
                               static_cast<uint8_t>(packet.tuple.udp ? 17 : 6), 0, 0});
    add32(frame, out ? kGuestAddress : kClientAddress);
    add32(frame, out ? kClientAddress : kGuestAddress);
    packet.tuple.udp ? add_udp(frame, packet) : add_tcp(frame, packet);
    set16(frame, kIp + 2, static_cast<uint32_t>(frame.size() - kIp));
    set16(frame, kIp + 10, fold(word_sum(std::span(frame).subspan(kIp, 20))));
    return frame;
}

Packet decode(const ByteVector& frame) {
    Packet packet;
    packet.from_guest = get32(frame, kIp + 12) == kGuestAddress;
    packet.tuple.udp = frame[kIp + 9] == 17;
    if (get16(frame, kIp + 2) != frame.size() - kIp) throw std::runtime_error("IP length");
    if (transport_checksum(frame, frame[kIp + 9]) != 0) throw std::runtime_error("checksum");
    const uint16_t source = get16(frame, kL4);
    const uint16_t destination = get16(frame, kL4 + 2);
    packet.tuple.guest_port = packet.from_guest ? source : destination;
    packet.tuple.client_port = packet.from_guest ? destination : source;
    if (packet.tuple.udp) {
        packet.payload.assign(frame.begin() + kL4 + 8, frame.end());
    } else {
        read_tcp(packet, frame);
    }
    return packet;
}

std::string to_string(const Packet& packet) {
    char text[200];
    const char* way = packet.from_guest ? ">" : "<";
    if (packet.tuple.udp) {
        snprintf(text, sizeof text, "%s %u-%u udp (%zu)", way, packet.tuple.guest_port,
                 packet.tuple.client_port, packet.payload.size());
        return text;
    }
    std::string flags;
    for (const auto& [bit, name] :
         {std::pair{kSyn, 'S'}, {kFin, 'F'}, {kRst, 'R'}, {kPsh, 'P'}, {kAck, '.'}}) {
        if (packet.has(bit)) flags += name;
    }
    snprintf(text, sizeof text, "%s %u-%u %s %u:%u(%zu) ack %u win %u%s%s [at %lu ack %lu]", way,
             packet.tuple.guest_port, packet.tuple.client_port, flags.c_str(), packet.seq,
             packet.seq + static_cast<uint32_t>(packet.payload.size()), packet.payload.size(),
             packet.ack, packet.window, packet.timestamps ? " ts" : "",
             packet.sack.empty() ? "" : " sack", static_cast<unsigned long>(packet.truth.position),
             static_cast<unsigned long>(packet.truth.ack));
    return text;
}

}  // namespace colo::sim
