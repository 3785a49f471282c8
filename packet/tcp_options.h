// SPDX-License-Identifier: GPL-2.0-or-later
// TCP options (RFC 9293 3.1): a walk that cannot leave them, and what they say. Sources: RFC 7323
// (window scale, timestamps), RFC 2018 (SACK), RFC 7413 (TFO), RFC 6994 (experimental kinds).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "packet/bytes.h"
#include "packet/seq.h"
#include "packet/view.h"

namespace colo {

namespace tcp_option_kind {
inline constexpr uint8_t kEnd = 0;
inline constexpr uint8_t kNop = 1;
inline constexpr uint8_t kMss = 2;
inline constexpr uint8_t kWindowScale = 3;
inline constexpr uint8_t kSackPermitted = 4;
inline constexpr uint8_t kSack = 5;
inline constexpr uint8_t kTimestamps = 8;
inline constexpr uint8_t kMd5 = 19;
inline constexpr uint8_t kAo = 29;
inline constexpr uint8_t kMptcp = 30;
inline constexpr uint8_t kFastOpen = 34;
inline constexpr uint8_t kExperiment1 = 253;
inline constexpr uint8_t kExperiment2 = 254;
}  // namespace tcp_option_kind

/// Calls visit(kind, body, offset) for each option but NOP and end: `body` without kind and length,
/// `offset` of the body in `options`. Stops at the first option whose length lies, as Linux does.
/// Returns false in that case.
template <typename Visit>
bool walk_tcp_options(Bytes options, Visit&& visit) {
    size_t at = 0;
    while (at < options.size() && options[at] != tcp_option_kind::kEnd) {
        if (options[at] == tcp_option_kind::kNop) {
            ++at;
            continue;
        }
        if (options.size() - at < 2) return false;
        const size_t length = options[at + 1];
        if (length < 2 || length > options.size() - at) return false;
        visit(options[at], options.subspan(at + 2, length - 2), at + 2);
        at += length;
    }
    return true;
}

/// True when the options are NOP, NOP, timestamps: what nearly every segment of a modern stack
/// carries. TSval is then at byte 4, TSecr at byte 8.
inline bool is_plain_timestamps(Bytes options) {
    static constexpr uint8_t kLayout[4] = {1, 1, 8, 10};
    return options.size() == 12 &&
           load_native<uint32_t>(options.data()) == load_native<uint32_t>(kLayout);
}

struct Timestamps {
    uint32_t value = 0;  ///< TSval
    uint32_t echo = 0;   ///< TSecr; valid only with the ACK flag
    uint32_t at = 0;     ///< offset of TSval in the frame; TSecr follows it

    friend bool operator==(const Timestamps&, const Timestamps&) = default;
};

struct SackBlocks {
    struct Block {
        Seq left;
        Seq right;

        friend bool operator==(const Block&, const Block&) = default;
    };
    static constexpr size_t kMax = 4;  ///< more do not fit into 40 bytes

    std::array<Block, kMax> blocks{};
    uint8_t count = 0;
    uint32_t at = 0;  ///< offset of the first block in the frame

    friend bool operator==(const SackBlocks&, const SackBlocks&) = default;
};

/// Of an option that comes twice the last counts, as in Linux.
struct TcpOptions {
    std::optional<uint16_t> mss;
    std::optional<uint8_t> window_scale;  ///< at most 14 (RFC 7323 2.3)
    std::optional<Timestamps> timestamps;
    std::optional<SackBlocks> sack;
    bool sack_permitted = false;
    bool fast_open = false;            ///< TFO, with or without a cookie
    bool rewrites_impossible = false;  ///< signed or bound to more flows: TCP-MD5, TCP-AO, MPTCP
    bool malformed = false;            ///< an option's length lies; those before it count
};

/// The view must be a TCP segment's (view.is_tcp()).
TcpOptions parse_tcp_options(const PacketView& view);

/// What a SYN or SYN-ACK settles for the connection and both VMs must settle alike. Compared as a
/// whole.
struct SynOptions {
    static constexpr uint8_t kNoWindowScale = 0xff;

    static constexpr uint8_t kSackPermitted = 0x01;
    static constexpr uint8_t kTimestamps = 0x02;
    static constexpr uint8_t kEce = 0x04;  ///< the header's ECN flags (RFC 3168 6.1.1)
    static constexpr uint8_t kCwr = 0x08;
    static constexpr uint8_t kFastOpen = 0x10;

    uint16_t mss = 0;  ///< 0: no option (an option of 0 is as good as none)
    uint8_t window_scale = kNoWindowScale;
    uint8_t flags = 0;

    friend bool operator==(const SynOptions&, const SynOptions&) = default;
};
static_assert(sizeof(SynOptions) == 4 && std::has_unique_object_representations_v<SynOptions>);

/// The view must be a TCP segment's.
SynOptions syn_options(const PacketView& view);

/// For reports: "mss 1460, wscale 7, sack, timestamps, ece, cwr, tfo"; "none".
std::string to_string(const SynOptions& options);

}  // namespace colo
