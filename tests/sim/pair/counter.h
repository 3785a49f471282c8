// SPDX-License-Identifier: GPL-2.0-or-later
// What clients and guest say to each other: a request is counted, and its answer tells the count.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "tests/sim/script.h"
#include "tests/sim/wire.h"

namespace colo::sim::pair {

inline constexpr uint16_t kCounterPort = 80;

/// How the answers of two VMs differ.
enum Whim : uint32_t {
    kNoise = 1,   ///< in bytes that each VM makes up
    kLength = 2,  ///< in length
    kSlow = 4,    ///< one may come very late
};

/// Numbers, then `size` bytes that follow from them.
struct Request {
    uint32_t connection = 0;
    uint32_t number = 0;
    uint32_t whims = 0;
    uint32_t size = 0;

    static constexpr size_t kBytes = 16;
    uint64_t key() const { return uint64_t{connection} << 32 | number; }
};

struct Reply {
    uint32_t connection = 0;
    uint32_t number = 0;
    uint32_t count = 0;  ///< 0: the request was damaged
    uint32_t size = 0;

    static constexpr size_t kBytes = 16;
    static constexpr size_t kNoiseBytes = 8;  ///< the first of the body
    uint64_t key() const { return ~(uint64_t{connection} << 32 | number); }
};

template <typename Message>
ByteVector to_bytes(const Message& message) {
    static_assert(sizeof(Message) == Message::kBytes);
    const auto* words = reinterpret_cast<const uint8_t*>(&message);
    ByteVector bytes(words, words + sizeof(Message));
    for (uint32_t i = 0; i < message.size; ++i) bytes.push_back(stream_byte(message.key(), i));
    return bytes;
}

/// The first of `bytes`, if all of it is there; it is taken off with its body.
template <typename Message>
std::optional<Message> take_message(ByteVector& bytes, ByteVector& body) {
    if (bytes.size() < Message::kBytes) return std::nullopt;
    Message message;
    std::memcpy(&message, bytes.data(), sizeof(message));
    const size_t end = Message::kBytes + message.size;
    if (bytes.size() < end) return std::nullopt;
    const auto at = [&](size_t index) { return bytes.begin() + static_cast<ptrdiff_t>(index); };
    body.assign(at(Message::kBytes), at(end));
    bytes.erase(bytes.begin(), at(end));
    return message;
}

}  // namespace colo::sim::pair
