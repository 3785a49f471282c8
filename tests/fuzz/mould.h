// SPDX-License-Identifier: GPL-2.0-or-later
// A frame built once and filled in anew for each use: FrameBuilder takes longer than what is under
// test. Checksums are left as they were; no target that uses this looks at them.
#pragma once

#include <utility>

#include "packet/bytes.h"
#include "tests/support/frame_builder.h"

namespace colo::fuzz {

// Where FrameBuilder puts things in untagged frames without IP options.
inline constexpr size_t kIpv4LengthAt = 16;
inline constexpr size_t kIpv4IdAt = 18;
inline constexpr size_t kIpv4FragmentAt = 20;
inline constexpr size_t kIpv6LengthAt = 18;
inline constexpr size_t kIpv6FragmentAt = 56;  ///< when the fragment header is the first extension
inline constexpr size_t kIpv6FragmentIdAt = 58;
inline constexpr size_t kTcpSeqAt = 38;
inline constexpr size_t kTcpAckAt = 42;
inline constexpr size_t kTcpFlagsAt = 47;
inline constexpr size_t kTcpMssAt = 56;  ///< when MSS is the first option

class Mould {
  public:
    /// Headers without a payload.
    explicit Mould(test::ByteVector headers)
        : frame_(std::move(headers)), headers_size_(frame_.size()) {}

    Mould& payload(Bytes bytes) {
        frame_.resize(headers_size_);
        frame_.insert(frame_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Mould& put8(size_t at, uint8_t value) {
        frame_.at(at) = value;
        return *this;
    }
    Mould& put16(size_t at, uint16_t value) {
        store_be16(&frame_.at(at), value);
        return *this;
    }
    Mould& put32(size_t at, uint32_t value) {
        store_be32(&frame_.at(at), value);
        return *this;
    }
    size_t headers_size() const { return headers_size_; }
    /// Valid until the next change.
    Bytes bytes() const { return frame_; }

  private:
    test::ByteVector frame_;
    size_t headers_size_;
};

}  // namespace colo::fuzz
