// SPDX-License-Identifier: GPL-2.0-or-later
// Unaligned big-endian access to wire bytes. Callers have checked the bounds (packet/view.h does it
// once per frame); nothing else in the project touches raw bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace colo {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

static_assert(std::endian::native == std::endian::little, "ports to big-endian hosts start here");

inline Bytes bytes_of(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Lasts as long as the bytes. What a peer sent is not fit to be shown as it is.
inline std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline uint16_t load_be16(const uint8_t* p) {
    uint16_t v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}

inline uint32_t load_be32(const uint8_t* p) {
    uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

inline void store_be16(uint8_t* p, uint16_t v) {
    v = __builtin_bswap16(v);
    std::memcpy(p, &v, sizeof v);
}

inline void store_be32(uint8_t* p, uint32_t v) {
    v = __builtin_bswap32(v);
    std::memcpy(p, &v, sizeof v);
}

/// Native-endian words, for hashing and comparing only.
template <typename Word>
inline Word load_native(const uint8_t* p) {
    Word v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

template <typename Word>
inline void store_native(uint8_t* p, Word v) {
    std::memcpy(p, &v, sizeof v);
}

}  // namespace colo
