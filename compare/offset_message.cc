// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/offset_message.h"

#include <cstring>

#include "compare/flow_mapper.h"

namespace colo {

namespace {

// The variant's order.
constexpr uint8_t kDelta = 0;
constexpr uint8_t kBase = 1;
constexpr uint8_t kUnsettled = 2;

constexpr size_t kKeyBytes = 44;  ///< kind, flags and the flow
constexpr size_t kBodyBytes[] = {12, 12, 20};
static_assert(kKeyBytes + kBodyBytes[kUnsettled] == kMaxOffsetMessageBytes);

// Offsets.
constexpr size_t kKindAt = 0;
constexpr size_t kFlagsAt = 1;
constexpr size_t kFamilyAt = 2;
constexpr size_t kReservedAt = 3;
constexpr size_t kGuestPortAt = 4;
constexpr size_t kPeerPortAt = 6;
constexpr size_t kVlanOuterAt = 8;
constexpr size_t kVlanInnerAt = 10;
constexpr size_t kGuestAt = 12;
constexpr size_t kPeerAt = 28;

// Flags.
constexpr uint8_t kAgain = 0x01;
constexpr uint8_t kHasIsn = 0x01;
constexpr uint8_t kActive = 0x01;
constexpr uint8_t kAmbiguous = 0x02;
constexpr uint8_t kHasAck = 0x04;
constexpr uint8_t kHasStamps = 0x08;
constexpr uint8_t kKnownFlags[] = {kAgain, kHasIsn, kActive | kAmbiguous | kHasAck | kHasStamps};

void write_flow(const FlowKey& flow, uint8_t* out) {
    out[kFamilyAt] = static_cast<uint8_t>(flow.kind);
    store_be16(out + kGuestPortAt, flow.guest_port);
    store_be16(out + kPeerPortAt, flow.peer_port);
    store_be16(out + kVlanOuterAt, flow.vlan_outer);
    store_be16(out + kVlanInnerAt, flow.vlan_inner);
    std::memcpy(out + kGuestAt, flow.guest.data(), flow.guest.size());
    std::memcpy(out + kPeerAt, flow.peer.data(), flow.peer.size());
}

void write(const Offset& offset, uint8_t* out) {
    store_be32(out, static_cast<uint32_t>(offset.seq));
    store_be32(out + 4, offset.timestamp);
}

/// `out`: behind the flow. What is returned are the flags, here and below.
uint8_t write_body(const Announcement& announced, uint8_t* out) {
    write(announced.delta, out);
    store_be32(out + 8, announced.origin.raw());
    return announced.again ? kAgain : 0;
}

uint8_t write_body(const Base& base, uint8_t* out) {
    write(base.offset, out);
    store_be32(out + 8, base.isn.value_or(Seq()).raw());
    return base.isn ? kHasIsn : 0;
}

uint8_t write_body(const Handshake& handshake, uint8_t* out) {
    const auto stamps = handshake.stamps.value_or(Handshake::Stamps{0, 0});
    store_be32(out, handshake.isn.raw());
    store_be32(out + 4, handshake.next.raw());
    store_be32(out + 8, handshake.ack.value_or(Seq()).raw());
    store_be32(out + 12, stamps.first);
    store_be32(out + 16, stamps.latest);
    return static_cast<uint8_t>((handshake.is_active ? kActive : 0) |
                                (handshake.is_ambiguous ? kAmbiguous : 0) |
                                (handshake.ack ? kHasAck : 0) |
                                (handshake.stamps ? kHasStamps : 0));
}

Offset read_offset(const uint8_t* in) {
    return {static_cast<SeqDelta>(load_be32(in)), load_be32(in + 4)};
}

Base read_base(uint8_t flags, const uint8_t* in) {
    Base base{read_offset(in)};
    if (flags & kHasIsn) base.isn = Seq(load_be32(in + 8));
    return base;
}

Handshake read_handshake(uint8_t flags, const uint8_t* in) {
    Handshake handshake{Seq(load_be32(in)), Seq(load_be32(in + 4)), {}, {}};
    if (flags & kHasAck) handshake.ack = Seq(load_be32(in + 8));
    if (flags & kHasStamps) handshake.stamps = {load_be32(in + 12), load_be32(in + 16)};
    handshake.is_active = (flags & kActive) != 0;
    handshake.is_ambiguous = (flags & kAmbiguous) != 0;
    return handshake;
}

FlowKey read_flow(const uint8_t* in) {
    FlowKey flow;
    flow.kind = static_cast<KeyKind>(in[kFamilyAt]);
    flow.protocol = ip_protocol::kTcp;
    flow.guest_port = load_be16(in + kGuestPortAt);
    flow.peer_port = load_be16(in + kPeerPortAt);
    flow.vlan_outer = load_be16(in + kVlanOuterAt);
    flow.vlan_inner = load_be16(in + kVlanInnerAt);
    std::memcpy(flow.guest.data(), in + kGuestAt, flow.guest.size());
    std::memcpy(flow.peer.data(), in + kPeerAt, flow.peer.size());
    return flow;
}

/// As views have them: a priority tag (VID 0) is none, the first VLAN is the outer one.
bool are_vlans(uint16_t outer, uint16_t inner) {
    const auto fits = [](uint16_t vlan) { return vlan > 0 && vlan <= kNoVlan; };
    return fits(outer) && fits(inner) && (outer != kNoVlan || inner == kNoVlan);
}

bool is_zero(Bytes bytes) {
    for (const uint8_t byte : bytes) {
        if (byte != 0) return false;
    }
    return true;
}

/// An IPv4 address leaves the rest of its field alone.
bool is_address(Bytes field, uint8_t family) {
    return family == static_cast<uint8_t>(KeyKind::kIpv6) || is_zero(field.subspan(4));
}

bool is_flow(Bytes bytes) {
    const uint8_t family = bytes[kFamilyAt];
    return family <= static_cast<uint8_t>(KeyKind::kIpv6) && bytes[kReservedAt] == 0 &&
           are_vlans(load_be16(&bytes[kVlanOuterAt]), load_be16(&bytes[kVlanInnerAt])) &&
           is_address(bytes.subspan(kGuestAt, 16), family) &&
           is_address(bytes.subspan(kPeerAt, 16), family);
}

/// What the flags say is not there is zero.
bool is_body(uint8_t kind, uint8_t flags, Bytes body) {
    if (kind == kDelta) return true;
    if (kind == kBase) return (flags & kHasIsn) || is_zero(body.subspan(8, 4));
    return ((flags & kHasAck) || is_zero(body.subspan(8, 4))) &&
           ((flags & kHasStamps) || is_zero(body.subspan(12, 8)));
}

bool is_well_formed(Bytes bytes) {
    if (bytes.size() < kKeyBytes) return false;
    const uint8_t kind = bytes[kKindAt];
    const uint8_t flags = bytes[kFlagsAt];
    if (kind > kUnsettled || bytes.size() != kKeyBytes + kBodyBytes[kind]) return false;
    return (flags & ~kKnownFlags[kind]) == 0 && is_flow(bytes) &&
           is_body(kind, flags, bytes.subspan(kKeyBytes));
}

}  // namespace

EncodedOffsetMessage::EncodedOffsetMessage(const OffsetMessage& message) {
    const auto kind = static_cast<uint8_t>(message.told.index());
    uint8_t* out = bytes_.data();
    write_flow(message.flow, out);
    out[kKindAt] = kind;
    out[kFlagsAt] =
        std::visit([&](const auto& told) { return write_body(told, out + kKeyBytes); }, message.told);
    size_ = kKeyBytes + kBodyBytes[kind];
}

void learn_offsets(FlowMapper& mapper, const OffsetMessage& message, bool is_current, Time now) {
    if (const auto* announced = std::get_if<Announcement>(&message.told)) {
        if (is_current) mapper.learn(message.flow, *announced, now);
    } else if (const auto* base = std::get_if<Base>(&message.told)) {
        mapper.set_base(message.flow, *base, now);
    } else {
        mapper.set_unsettled(message.flow, std::get<Handshake>(message.told), now);
    }
}

std::optional<OffsetMessage> decode_offset_message(Bytes bytes) {
    if (!is_well_formed(bytes)) return std::nullopt;
    const uint8_t flags = bytes[kFlagsAt];
    const uint8_t* body = &bytes[kKeyBytes];
    OffsetMessage message{read_flow(bytes.data()), Base{}};
    switch (bytes[kKindAt]) {
        case kDelta:
            message.told = Announcement{read_offset(body), Seq(load_be32(body + 8)), flags == kAgain};
            break;
        case kBase:
            message.told = read_base(flags, body);
            break;
        default:
            message.told = read_handshake(flags, body);
    }
    return message;
}

}  // namespace colo
