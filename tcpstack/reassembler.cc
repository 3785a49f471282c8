// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/reassembler.h"

#include <array>
#include <cassert>
#include <utility>

#include "tcpstack/segment_heap.h"
#include "tcpstack/stack_pool.h"

namespace colo {

namespace {

/// An episode that has gone this far begins anew, so that it never comes near 2^32 (it begins at
/// SlirpStack::kStartPosition). One push() moves it by a few MiB at most.
constexpr SeqDelta kRebaseAfterBytes = 1 << 30;

/// What skip_to() feeds in the place of a gap that is no longer than this.
constexpr std::array<uint8_t, 16384> kFiller{};

}  // namespace

/// A stream's time in libslirp. Recycled with its heaps' memory.
struct Reassembler::Episode {
    StackPool::Connection connection;
    SeqDelta to_slirp = 0;   ///< from the stream's numbers to the connection's
    SegmentHeap fed;         ///< in libslirp, not wholly delivered
    SegmentHeap waiting;     ///< end beyond libslirp's window
    uint64_t accounted = 0;  ///< this episode's part of queued_bytes_

    bool empty() const { return fed.empty() && waiting.empty(); }
    uint32_t segments() const { return fed.size() + waiting.size(); }
    uint64_t bytes() const { return fed.bytes() + waiting.bytes(); }
};

/// Moves the stream on by what libslirp hands out.
class Reassembler::Delivery final : public SlirpStack::Receiver {
  public:
    Delivery(TcpStream& stream, StreamSink& sink) : Delivery(stream, sink, stream.next_) {}
    /// What lies below `wanted` is filler.
    Delivery(TcpStream& stream, StreamSink& sink, Seq wanted)
        : stream_(stream), sink_(sink), wanted_(wanted) {}

    void receive(Bytes bytes) override {
        const Seq begin = stream_.next_;
        stream_.next_ += static_cast<uint32_t>(bytes.size());
        if (stream_.next_ <= wanted_) return;
        const auto filler = begin < wanted_ ? static_cast<size_t>(wanted_ - begin) : 0;
        sink_.deliver(bytes.subspan(filler), nullptr);
    }

  private:
    TcpStream& stream_;
    StreamSink& sink_;
    Seq wanted_;
};

Reassembler::Reassembler(const ReassemblyLimits& limits)
    : limits_(limits), stacks_(std::make_unique<StackPool>(limits.streams)) {}

Reassembler::~Reassembler() = default;

Arrival Reassembler::push_slow(TcpStream& stream, const Segment& segment, StreamSink& sink) {
    assert(segment.frame && segment.bytes.size() <= segment.size);
    if (segment.end() <= stream.next_) return Arrival::kOld;
    QueuedSegment here{segment.frame->share(), segment.bytes.data(),
                       static_cast<uint32_t>(segment.bytes.size()), segment.seq};
    // All that is new in a cut segment may be missing: a gap, which what follows will open.
    if (here.size == 0 || here.end() <= stream.next_) return Arrival::kQueued;
    if (!has_room(stream, here)) return Arrival::kOverflow;
    if (!stream.reassembling() && !enter(stream)) return Arrival::kOverflow;
    if (!in_window(stream, here)) ++counters_.beyond_window;
    episode_of(stream).waiting.push(std::move(here));
    settle(stream, sink);
    return Arrival::kQueued;
}

bool Reassembler::has_room(const TcpStream& stream, const QueuedSegment& segment) {
    if (segment.seq <= stream.next_) return true;
    const bool queueing = stream.reassembling();
    const uint32_t segments = queueing ? episode_of(stream).segments() : 0;
    const uint64_t bytes = queueing ? episode_of(stream).bytes() : 0;
    if (segments >= limits_.segments_per_stream) {
        ++counters_.overflow_segments;
        return false;
    }
    if (bytes + segment.size > limits_.bytes_per_stream) {
        ++counters_.overflow_bytes;
        return false;
    }
    return true;
}

/// For a segment that ends beyond next().
bool Reassembler::in_window(const TcpStream& stream, const QueuedSegment& segment) {
    return segment.end() <= stream.next_ + SlirpStack::kWindowBytes;
}

/// The segment is in libslirp's window, or has been overtaken since it was queued.
void Reassembler::feed(TcpStream& stream, QueuedSegment segment, StreamSink& sink) {
    if (segment.end() <= stream.next_) return;
    Episode& episode = episode_of(stream);
    Delivery delivery(stream, sink);
    ++counters_.slow_segments;
    episode.connection.stack->segment(
        episode.connection.slot, segment.seq.shifted(episode.to_slirp), segment.bytes(), delivery);
    if (segment.end() > stream.next_) episode.fed.push(std::move(segment));
}

/// Feeds what the window has reached, forgets what has been delivered, and takes the stream back to
/// the fast path when nothing is left.
void Reassembler::settle(TcpStream& stream, StreamSink& sink) {
    Episode& episode = episode_of(stream);
    while (!episode.waiting.empty() && in_window(stream, episode.waiting.top()))
        feed(stream, episode.waiting.pop(), sink);
    episode.fed.drop_through(stream.next_);
    queued_bytes_ += episode.bytes() - episode.accounted;
    episode.accounted = episode.bytes();
    const SeqDelta gone = stream.next_.shifted(episode.to_slirp) - SlirpStack::kStartPosition;
    if (episode.empty())
        leave(stream);
    else if (gone >= kRebaseAfterBytes)
        reconnect(stream, sink);
}

bool Reassembler::enter(TcpStream& stream) {
    if (free_episodes_.empty()) {
        free_episodes_.push_back(static_cast<uint32_t>(episodes_.size()));
        episodes_.push_back(std::make_unique<Episode>());
    }
    if (!connect(stream, *episodes_[free_episodes_.back()])) return false;
    stream.episode_ = free_episodes_.back();
    free_episodes_.pop_back();
    ++counters_.episodes;
    ++counters_.open;
    return true;
}

bool Reassembler::connect(const TcpStream& stream, Episode& episode) {
    const auto connection = stacks_->open();
    if (!connection) {
        ++counters_.overflow_streams;
        return false;
    }
    episode.connection = *connection;
    episode.to_slirp = SlirpStack::kStartPosition - stream.next_;
    return true;
}

/// Begins the episode anew at next() with all that is queued. The last goes in first: libslirp
/// looks for a segment's place from the head of its queue, and finds it there at once.
void Reassembler::reconnect(TcpStream& stream, StreamSink& sink) {
    Episode& episode = episode_of(stream);
    stacks_->close(episode.connection);
    if (!connect(stream, episode)) return forget(stream);
    episode.waiting.absorb(episode.fed);
    episode.waiting.drop_through(stream.next_);
    for (QueuedSegment& segment : episode.waiting.take_last_first()) {
        if (in_window(stream, segment))
            feed(stream, std::move(segment), sink);
        else
            episode.waiting.push(std::move(segment));
    }
    settle(stream, sink);
}

void Reassembler::leave(TcpStream& stream) {
    stacks_->close(episode_of(stream).connection);
    forget(stream);
}

/// The stream's connection is closed.
void Reassembler::forget(TcpStream& stream) {
    Episode& episode = episode_of(stream);
    episode.fed.clear();
    episode.waiting.clear();
    queued_bytes_ -= episode.accounted;
    episode.accounted = 0;
    free_episodes_.push_back(stream.episode_);
    stream.episode_ = TcpStream::kNone;
    --counters_.open;
}

void Reassembler::skip_to(TcpStream& stream, Seq position, StreamSink& sink) {
    if (position <= stream.next_) return;
    if (stream.reassembling()) fill(stream, position, sink);
    if (position <= stream.next_) return;
    stream.next_ = position;
    if (stream.reassembling()) reconnect(stream, sink);
}

/// Closes a short gap by feeding filler for it: beginning anew would feed all that is queued again, and a
/// hostile pair of VMs can have a fence for every byte.
void Reassembler::fill(TcpStream& stream, Seq position, StreamSink& sink) {
    const auto gap = static_cast<size_t>(position - stream.next_);
    if (gap > kFiller.size()) return;
    Episode& episode = episode_of(stream);
    Delivery delivery(stream, sink, position);
    const Seq begin = stream.next_.shifted(episode.to_slirp);
    episode.connection.stack->segment(episode.connection.slot, begin, Bytes(kFiller).first(gap),
                                      delivery);
    if (position <= stream.next_) settle(stream, sink);
}

void Reassembler::reset(TcpStream& stream, Seq next) {
    if (stream.reassembling()) leave(stream);
    stream.next_ = next;
}

}  // namespace colo
