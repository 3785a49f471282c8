// SPDX-License-Identifier: GPL-2.0-or-later
// The first message of either side: who speaks, which versions and capabilities, what it can take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "link/link_status.h"
#include "packet/bytes.h"

namespace colo {

struct Capability {
    std::string name;
    std::string value;
    /// Of the one who sends it: without it there can be no link.
    bool mandatory = false;
};

struct Hello {
    uint8_t oldest_version = 1;
    uint8_t newest_version = 1;
    uint32_t stream_window = 0;  ///< bytes that may be sent on a new stream before any credit
    uint32_t max_streams = 0;    ///< that the peer may have opened at a time
    std::string name;            ///< who speaks, for messages: "secondary"
    std::vector<Capability> capabilities;

    static constexpr size_t kMaxNameBytes = 64;
    static constexpr size_t kMaxCapabilities = 32;

    const Capability* find(std::string_view capability) const;
};

std::vector<uint8_t> encode(const Hello& hello);

/// Nothing: it is malformed.
std::optional<Hello> decode_hello(Bytes payload);

/// Whether we can talk. `known`: the names of the capabilities understood here. The text is for the
/// peer's eyes, too.
LinkStatus judge(const Hello& ours, const Hello& theirs, const std::vector<std::string>& known);

}  // namespace colo
