// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/tcp_options.h"

#include <algorithm>

namespace colo {

namespace {

constexpr uint8_t kMaxWindowScale = 14;
/// RFC 7413 appendix B: TFO before it got a kind of its own (RFC 6994 experiment identifier).
constexpr uint16_t kFastOpenExperiment = 0xf989;

Timestamps timestamps_of(Bytes body, uint32_t at) {
    return {load_be32(body.data()), load_be32(body.data() + 4), at};
}

/// Kind 5's length is 2 + 8 n (RFC 2018 3).
std::optional<SackBlocks> sack_of(Bytes body, uint32_t at) {
    if (body.empty() || body.size() % 8 != 0) return {};
    SackBlocks sack;
    sack.at = at;
    sack.count = static_cast<uint8_t>(std::min(body.size() / 8, SackBlocks::kMax));
    for (size_t i = 0; i < sack.count; ++i) {
        const uint8_t* edges = body.data() + 8 * i;
        sack.blocks[i] = {Seq(load_be32(edges)), Seq(load_be32(edges + 4))};
    }
    return sack;
}

/// An option of the wrong length is passed over, as Linux does.
void note_option(TcpOptions& options, uint8_t kind, Bytes body, uint32_t at) {
    namespace k = tcp_option_kind;
    switch (kind) {
        case k::kMss:
            if (body.size() == 2) options.mss = load_be16(body.data());
            break;
        case k::kWindowScale:
            if (body.size() == 1) options.window_scale = std::min(body[0], kMaxWindowScale);
            break;
        case k::kSackPermitted:
            if (body.empty()) options.sack_permitted = true;
            break;
        case k::kSack:
            if (const auto sack = sack_of(body, at)) options.sack = sack;
            break;
        case k::kTimestamps:
            if (body.size() == 8) options.timestamps = timestamps_of(body, at);
            break;
        case k::kMd5:
        case k::kAo:
        case k::kMptcp:
            options.rewrites_impossible = true;
            break;
        case k::kFastOpen:
            options.fast_open = true;
            break;
        case k::kExperiment1:
        case k::kExperiment2:
            if (body.size() >= 2 && load_be16(body.data()) == kFastOpenExperiment) {
                options.fast_open = true;
            }
            break;
        default:
            break;
    }
}

}  // namespace

TcpOptions parse_tcp_options(const PacketView& view) {
    TcpOptions options;
    const Bytes bytes = view.tcp_options();
    const uint32_t start = view.l4_offset + 20;
    if (is_plain_timestamps(bytes)) {
        options.timestamps = timestamps_of(bytes.subspan(4), start + 4);
        return options;
    }
    options.malformed = !walk_tcp_options(bytes, [&](uint8_t kind, Bytes body, size_t offset) {
        note_option(options, kind, body, start + static_cast<uint32_t>(offset));
    });
    return options;
}

SynOptions syn_options(const PacketView& view) {
    const TcpOptions options = parse_tcp_options(view);
    SynOptions syn;
    syn.mss = options.mss.value_or(0);
    syn.window_scale = options.window_scale.value_or(SynOptions::kNoWindowScale);
    if (options.sack_permitted) syn.flags |= SynOptions::kSackPermitted;
    if (options.timestamps) syn.flags |= SynOptions::kTimestamps;
    if (view.has(tcp_flag::kEce)) syn.flags |= SynOptions::kEce;
    if (view.has(tcp_flag::kCwr)) syn.flags |= SynOptions::kCwr;
    if (options.fast_open) syn.flags |= SynOptions::kFastOpen;
    return syn;
}

std::string to_string(const SynOptions& options) {
    std::string text;
    const auto add = [&text](const std::string& item) {
        text += (text.empty() ? "" : ", ") + item;
    };
    if (options.mss != 0) add("mss " + std::to_string(options.mss));
    if (options.window_scale != SynOptions::kNoWindowScale) {
        add("wscale " + std::to_string(options.window_scale));
    }
    static constexpr struct {
        uint8_t flag;
        const char* name;
    } kNames[] = {{SynOptions::kSackPermitted, "sack"},
                  {SynOptions::kTimestamps, "timestamps"},
                  {SynOptions::kEce, "ece"},
                  {SynOptions::kCwr, "cwr"},
                  {SynOptions::kFastOpen, "tfo"}};
    for (const auto& [flag, name] : kNames) {
        if (options.flags & flag) add(name);
    }
    return text.empty() ? "none" : text;
}

}  // namespace colo
