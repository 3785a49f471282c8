// SPDX-License-Identifier: GPL-2.0-or-later
// The 24 bytes in front of every message of the link, and what may stand in them. docs/link.md has the
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "packet/bytes.h"
#include "packet/frame.h"

namespace colo {

inline constexpr uint32_t kHeaderBytes = 24;
inline constexpr uint8_t kLinkVersion = 1;

/// A whole bulk message is 64 KiB: four TLS records, none of them short.
inline constexpr uint32_t kMaxDataBytes = 65536 - kHeaderBytes;
inline constexpr uint32_t kMaxPacketBytes = kMaxFrameBytes + kMaxFront;
inline constexpr uint32_t kMaxControlBytes = 65536 - kHeaderBytes;
inline constexpr uint32_t kMaxHeartbeatBytes = 4096;
inline constexpr uint32_t kMaxHelloBytes = 4096;
inline constexpr uint32_t kMaxOpenBytes = 4096;
/// Of a reason; longer ones are cut by who sends them.
inline constexpr uint32_t kMaxTextBytes = 1024;
inline constexpr uint32_t kMaxMessageBytesOnLink = kHeaderBytes + kMaxPacketBytes;

enum class Channel : uint8_t { kLink = 0, kPackets = 1, kControl = 2, kHeartbeat = 3, kStreams = 4 };

enum class MessageType : uint8_t {
    kCall = 1,     ///< one REPLY of the same serial answers it; on kStreams: opens a stream
    kReply = 2,
    kMessage = 3,  ///< fire and forget
    kData = 4,     ///< of a stream, here and below; `serial` is the stream
    kFinish = 5,   ///< no more data in this direction
    kAbort = 6,    ///< both directions, at once; `status` and a text say why
    kDone = 7,     ///< all that the peer sent has been taken: the final status
};

/// Procedures of kLink's messages.
inline constexpr uint32_t kHello = 1;
inline constexpr uint32_t kGoodbye = 2;
/// The procedure of kStreams' messages: a u32be of bytes that may be sent besides.
inline constexpr uint32_t kCredit = 1;

struct MessageHeader {
    uint32_t length = kHeaderBytes;  ///< of header and payload
    uint8_t version = kLinkVersion;
    Channel channel = Channel::kLink;
    MessageType type = MessageType::kMessage;
    uint8_t reserved = 0;
    uint32_t procedure = 0;
    uint32_t serial = 0;
    uint32_t status = 0;
    uint32_t epoch = 0;

    uint32_t payload_size() const { return length - kHeaderBytes; }
};

void encode(const MessageHeader& header, uint8_t* out);

/// Of kHeaderBytes bytes; check() says whether they make sense.
MessageHeader decode_header(const uint8_t* bytes);

/// What is wrong with it, also its length; empty: nothing. To be asked before anything is allocated.
std::string check(const MessageHeader& header);

}  // namespace colo
