// SPDX-License-Identifier: GPL-2.0-or-later
// A stream for callers who have nothing else to do: what cannot be done yet is waited for, while the loop
// runs. Not for use from within the loop's callbacks, and not where anything else must go on at once.
#pragma once

#include <memory>

#include "io/event_loop.h"
#include "link/stream.h"

namespace colo {

class BlockingStream final : private Stream::User {
  public:
    /// `loop`: the one its link is served by.
    BlockingStream(EventLoop& loop, std::unique_ptr<Stream> stream);
    BlockingStream(const BlockingStream&) = delete;
    BlockingStream& operator=(const BlockingStream&) = delete;

    /// All of it is on its way; what the peer makes of it, close() tells. False: the stream is over.
    bool write(Bytes bytes);
    /// At least a byte; 0: the peer has finished, or the stream is over. `into` is not empty.
    size_t read(MutableBytes into);
    /// Nothing follows; reading goes on.
    void finish() { stream_->finish(); }
    /// Finishes, and waits for the end: with kOk the peer has consumed all, and has finished, too. What it
    /// has sent and nobody has read is thrown away.
    const LinkStatus& close();

    /// At once; also from a callback of the loop, which ends what waits.
    void abort(const LinkStatus& why) { stream_->abort(why); }
    bool is_over() const { return stream_->is_over(); }
    /// Once it is over.
    const LinkStatus& status() const { return stream_->status(); }

  private:
    void stream_readable(Stream&) override {}
    void stream_writable(Stream&) override {}
    void stream_over(Stream&, const LinkStatus&) override {}
    template <typename Condition>
    void wait_until(Condition condition) {
        while (!stream_->is_over() && !condition()) loop_.iterate(true);
    }

    EventLoop& loop_;
    std::unique_ptr<Stream> stream_;
};

}  // namespace colo
