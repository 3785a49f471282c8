// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/message_header.h"

namespace colo {

namespace {

struct Kind {
    Channel channel;
    MessageType type;
    const char* name;
    uint32_t least;  ///< payload
    uint32_t most;
};

constexpr Kind kKinds[] = {
    {Channel::kPackets, MessageType::kMessage, "packet", 0, kMaxPacketBytes},
    {Channel::kStreams, MessageType::kData, "stream data", 1, kMaxDataBytes},
    {Channel::kStreams, MessageType::kMessage, "stream credit", 4, 4},
    {Channel::kStreams, MessageType::kCall, "stream open", 1, kMaxOpenBytes},
    {Channel::kStreams, MessageType::kFinish, "stream finish", 0, 0},
    {Channel::kStreams, MessageType::kDone, "stream done", 0, 0},
    {Channel::kStreams, MessageType::kAbort, "stream abort", 0, kMaxTextBytes},
    {Channel::kHeartbeat, MessageType::kMessage, "heartbeat", 0, kMaxHeartbeatBytes},
    {Channel::kControl, MessageType::kMessage, "control message", 0, kMaxControlBytes},
    {Channel::kControl, MessageType::kCall, "call", 0, kMaxControlBytes},
    {Channel::kControl, MessageType::kReply, "reply", 0, kMaxControlBytes},
    {Channel::kLink, MessageType::kMessage, "link message", 0, kMaxHelloBytes},
};

const Kind* kind_of(const MessageHeader& header) {
    for (const Kind& kind : kKinds) {
        if (kind.channel == header.channel && kind.type == header.type) return &kind;
    }
    return nullptr;
}

std::string unknown_kind(const MessageHeader& header) {
    return "a message of type " + std::to_string(static_cast<unsigned>(header.type)) +
           " on channel " + std::to_string(static_cast<unsigned>(header.channel));
}

}  // namespace

void encode(const MessageHeader& header, uint8_t* out) {
    store_be32(out, header.length);
    out[4] = header.version;
    out[5] = static_cast<uint8_t>(header.channel);
    out[6] = static_cast<uint8_t>(header.type);
    out[7] = header.reserved;
    store_be32(out + 8, header.procedure);
    store_be32(out + 12, header.serial);
    store_be32(out + 16, header.status);
    store_be32(out + 20, header.epoch);
}

MessageHeader decode_header(const uint8_t* bytes) {
    MessageHeader header;
    header.length = load_be32(bytes);
    header.version = bytes[4];
    header.channel = static_cast<Channel>(bytes[5]);
    header.type = static_cast<MessageType>(bytes[6]);
    header.reserved = bytes[7];
    header.procedure = load_be32(bytes + 8);
    header.serial = load_be32(bytes + 12);
    header.status = load_be32(bytes + 16);
    header.epoch = load_be32(bytes + 20);
    return header;
}

std::string check(const MessageHeader& header) {
    if (header.version != kLinkVersion) return "version " + std::to_string(header.version);
    if (header.reserved != 0) return "a reserved byte of " + std::to_string(header.reserved);
    const Kind* kind = kind_of(header);
    if (!kind) return unknown_kind(header);
    const bool fits = header.length >= kHeaderBytes && header.payload_size() >= kind->least &&
                      header.payload_size() <= kind->most;
    if (fits) return {};
    return std::string("a ") + kind->name + " of length " + std::to_string(header.length) + " (" +
           std::to_string(kHeaderBytes + kind->least) + " to " +
           std::to_string(kHeaderBytes + kind->most) + ")";
}

}  // namespace colo
