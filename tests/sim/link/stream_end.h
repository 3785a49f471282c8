// SPDX-License-Identifier: GPL-2.0-or-later
// One end of a stream: does anything at any time, and checks what it is told.
#pragma once

#include <cstdint>
#include <memory>

#include "link/stream.h"
#include "tests/sim/link/judge.h"
#include "tests/sim/random.h"

namespace colo::sim {

class StreamEnd final : private Stream::User {
  public:
    StreamEnd(Random& random, Judge& judge, std::unique_ptr<Stream> stream, bool is_a);

    void act();
    /// What is to be done until it is over, when nobody aborts.
    void conclude();

    bool has_ended() const { return ended_; }
    bool is_ok() const { return ended_ && stream_->status().ok(); }
    uint32_t id() const { return stream_->id(); }
    uint64_t sent() const { return sent_; }
    uint64_t got() const { return got_; }

  private:
    void stream_readable(Stream& stream) override;
    void stream_writable(Stream& stream) override;
    void stream_over(Stream& stream, const LinkStatus& status) override;

    void write_some();
    size_t some_of(size_t room);
    void read_some();
    void abort();

    Random& random_;
    Judge& judge_;
    std::unique_ptr<Stream> stream_;
    const bool is_a_;
    bool ended_ = false;
    uint64_t sent_ = 0;
    uint64_t got_ = 0;
};

}  // namespace colo::sim
