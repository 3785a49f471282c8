// SPDX-License-Identifier: GPL-2.0-or-later
// SipHash-1-3 (Aumasson and Bernstein, 2012; one compression round, three final ones) over whole
// 64-bit words. The number of words must follow from what was hashed into the state first
// (`domain`): unlike the byte-string hash no length is appended.
#pragma once

#include <bit>
#include <cstdint>

namespace colo {

class SipHash13 {
  public:
    /// `domain` sets apart kinds of messages; the same key never makes two kinds collide by design.
    SipHash13(uint64_t key0, uint64_t key1, uint64_t domain = 0)
        : v0_(key0 ^ 0x736f6d6570736575),
          v1_(key1 ^ 0x646f72616e646f6d ^ domain),
          v2_(key0 ^ 0x6c7967656e657261),
          v3_(key1 ^ 0x7465646279746573) {}

    void add(uint64_t word) {
        v3_ ^= word;
        round();
        v0_ ^= word;
    }

    uint64_t finish() {
        v2_ ^= 0xff;
        round();
        round();
        round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

  private:
    void round() {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v1_;
        v0_ += v3_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }

    uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace colo
