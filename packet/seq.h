// SPDX-License-Identifier: GPL-2.0-or-later
// TCP sequence numbers as a type of their own. Order is serial-number order (RFC 1982, RFC 9293
// section 3.4): a < b when b is less than 2^31 ahead of a. Raw subtraction of sequence numbers
// appears here and nowhere else.
#pragma once

#include <cstdint>

namespace colo {

/// Distance between two sequence numbers in bytes, signed; also an offset between number spaces.
using SeqDelta = int32_t;

class Seq {
  public:
    constexpr Seq() = default;
    constexpr explicit Seq(uint32_t raw) : raw_(raw) {}

    constexpr uint32_t raw() const { return raw_; }

    friend constexpr bool operator==(Seq, Seq) = default;
    friend constexpr bool operator<(Seq a, Seq b) { return a - b < 0; }
    friend constexpr bool operator>(Seq a, Seq b) { return b < a; }
    friend constexpr bool operator<=(Seq a, Seq b) { return !(b < a); }
    friend constexpr bool operator>=(Seq a, Seq b) { return !(a < b); }

    friend constexpr SeqDelta operator-(Seq a, Seq b) {
        return static_cast<SeqDelta>(a.raw_ - b.raw_);
    }
    friend constexpr Seq operator+(Seq a, uint32_t n) { return Seq(a.raw_ + n); }
    friend constexpr Seq operator-(Seq a, uint32_t n) { return Seq(a.raw_ - n); }
    constexpr Seq& operator+=(uint32_t n) {
        raw_ += n;
        return *this;
    }

    /// The same position in a number space that lies `delta` above this one.
    constexpr Seq shifted(SeqDelta delta) const { return Seq(raw_ + static_cast<uint32_t>(delta)); }

  private:
    uint32_t raw_ = 0;
};

constexpr Seq later(Seq a, Seq b) {
    return a < b ? b : a;
}
constexpr Seq earlier(Seq a, Seq b) {
    return a < b ? a : b;
}

}  // namespace colo
