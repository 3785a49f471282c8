// SPDX-License-Identifier: GPL-2.0-or-later
// What output commit allows, told by bookkeeping alone: who said what at which position of which
// incarnation, and what fences have settled. It errs on the side of allowing: what the comparator
// has dropped or not seen yet counts as said by the secondary.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "fuzz_input.h"
#include "packet/frame.h"
#include "packet/view.h"

namespace colo::fuzz {

inline constexpr uint32_t kSpan = 1u << 13;  ///< positions of an incarnation

/// Each position has two possible bytes.
inline Bytes bytes_of(uint32_t position, uint32_t size, bool variant) {
    using Streams = std::array<std::array<uint8_t, kSpan>, 2>;
    static const Streams streams = [] {
        Streams made;
        for (uint32_t i = 0; i < 2 * kSpan; ++i) {
            const uint32_t at = i / 2;
            made[i & 1][at] = static_cast<uint8_t>((at * 37 + (at >> 8)) << 1 | (i & 1));
        }
        return made;
    }();
    return Bytes(streams[variant]).subspan(position, size);
}

/// A segment in relative numbers: position 0 is the first byte behind the SYN.
struct Said {
    uint32_t incarnation = 0;
    uint32_t begin = 0;
    uint32_t size = 0;
    uint32_t captured = 0;
    uint32_t ack = 0;
    uint8_t flags = 0;
    bool variant = false;    ///< of all its bytes
    bool other_mss = false;  ///< SYNs only

    uint32_t end() const { return begin + size; }
    bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

class StreamModel {
  public:
    /// A flow is taken up at its first segment; what lies below counts as said before.
    void begins_at(uint32_t position) { settled_ = position; }

    void secondary(const Said& s) {
        allow(s.variant, s);
        if (s.has(tcp_flag::kSyn)) syns_.insert(s.other_mss);
        if (s.has(tcp_flag::kFin)) fins_.insert(s.end());
        if (s.has(tcp_flag::kRst)) rst_ = true;
        if (s.has(tcp_flag::kAck)) ack_ = std::max(ack_.value_or(0), s.ack);
    }

    /// A fence has let it out: it counts as said by both.
    void settled(const Said& s) {
        secondary({.ack = s.ack, .flags = s.flags, .other_mss = s.other_mss});
        if (s.has(tcp_flag::kFin)) fins_.insert(s.end());
        let_out(s);
    }

    /// Whatever lies below the primary's high-water marks is the common past.
    void fenced() {
        settled_ = std::max(settled_, high_);
        if (high_ack_) ack_ = std::max(ack_.value_or(0), *high_ack_);
    }

    /// The comparator has let it out.
    void released(const Said& s) {
        if (s.has(tcp_flag::kRst)) {
            FUZZ_CHECK(rst_);
            note_ack(s);
            return;
        }
        FUZZ_CHECK(all_allowed(s));
        if (s.has(tcp_flag::kSyn)) FUZZ_CHECK(syns_.count(s.other_mss) > 0);
        if (s.has(tcp_flag::kFin)) FUZZ_CHECK(fins_.count(s.end()) > 0);
        if (s.has(tcp_flag::kAck)) FUZZ_CHECK(ack_ && s.ack <= *ack_);
        let_out(s);
    }

  private:
    using Positions = std::array<uint8_t, kSpan>;

    /// Whole ranges at a time: what runs for each byte under a sanitizer is slow.
    void allow(bool variant, const Said& s) {
        if (s.size == 0) return;
        if (!allowed_) allowed_ = std::make_unique<std::array<Positions, 2>>();
        std::memset((*allowed_)[variant].data() + s.begin, 1, s.size);
    }
    void let_out(const Said& s) {
        high_ = std::max(high_, s.end());
        note_ack(s);
        allow(false, s);
        allow(true, s);
    }
    void note_ack(const Said& s) {
        if (s.has(tcp_flag::kAck)) high_ack_ = std::max(high_ack_.value_or(0), s.ack);
    }
    bool all_allowed(const Said& s) const {
        const uint32_t begin = std::max(s.begin, settled_);
        const uint32_t end = s.begin + s.captured;
        if (begin >= end) return true;
        if (!allowed_) return false;
        return !std::memchr((*allowed_)[s.variant].data() + begin, 0, end - begin);
    }

    /// Of each variant: said by the secondary, or the primary's of either variant let out before.
    std::unique_ptr<std::array<Positions, 2>> allowed_;
    std::set<bool> syns_;
    std::set<uint32_t> fins_;
    std::optional<uint32_t> ack_;
    uint32_t settled_ = 0;
    uint32_t high_ = 0;  ///< of what has been let out
    std::optional<uint32_t> high_ack_;
    bool rst_ = false;
};

/// Datagrams of one flow: each of the secondary's vouches for one of the primary's.
class DatagramModel {
  public:
    void secondary(uint16_t text) { ++credit_[text]; }
    void released(uint16_t text) { FUZZ_CHECK(credit_[text]-- > 0); }

  private:
    std::map<uint16_t, int64_t> credit_;
};

}  // namespace colo::fuzz
