// SPDX-License-Identifier: GPL-2.0-or-later
// Segments of TCP flows in, bytes in order out.
//
// Theory of operation. In-order segments take the fast path: they are delivered where they lie, and
// nothing is kept. The first anomaly (gap, partial overlap) opens an *episode*: a connection in one
// of a pool of libslirp instances, at the stream's position, rebased so that sequence numbers never
// come near 2^32 (libslirp 4.7.0 crashes when its rcv_nxt lands on 0). Everything then goes through
// libslirp until nothing is queued; the connection is reset and the stream is back on the fast
// path. libslirp's window is 128 KiB and what lies beyond is trimmed without a word, so segments
// that end beyond it wait here and are fed later. A segment that is queued also stays referenced
// here, so that skip_to() can give up on a gap without losing what was received behind it.
//
// FIN, RST, SYN and acks are the caller's business; only payload comes in. When two segments carry
// different bytes for one position, libslirp decides which are delivered; the caller that must not
// let both out compares its frames with what was delivered.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "packet/bytes.h"
#include "packet/frame.h"
#include "packet/seq.h"
#include "tcpstack/tcp_stream.h"

namespace colo {

class StackPool;
struct QueuedSegment;

/// Payload of one TCP segment. `bytes` lies in `frame` and may be shorter than `size` where a
/// capture's snaplen cut it: the missing tail is then a gap.
struct Segment {
    Seq seq;                       ///< of the first payload byte
    uint32_t size = 0;             ///< as on the wire; never 0
    Bytes bytes;                   ///< what is here; at most `size`
    const Frame* frame = nullptr;  ///< never null in push(): what is queued shares it

    Seq end() const { return seq + size; }
};

/// Receives a stream's bytes, in order, exactly once. Must not call the reassembler and must not
/// throw (libslirp's C code may be in between).
class StreamSink {
  public:
    /// `frame` is the one that holds `bytes` (share it to keep them), or null when they lie in
    /// libslirp's memory and are valid during the call only.
    virtual void deliver(Bytes bytes, const Frame* frame) = 0;

  protected:
    ~StreamSink() = default;
};

enum class Arrival : uint8_t {
    kInOrder,   ///< delivered on the fast path
    kOld,       ///< ends at or below next() (or 2^31 ahead, which is the same): nothing new in it
    kQueued,    ///< taken; some, all or none of it delivered by now
    kOverflow,  ///< not taken: a cap is reached; the flow needs a checkpoint
};

/// A segment that begins at or below next() is taken whatever the first two say: it does not stay,
/// and refusing it would keep what waits behind it.
struct ReassemblyLimits {
    /// Queued; libslirp walks its queue from the head.
    uint32_t segments_per_stream = 1024;
    /// Queued payload; the buffers, here and in libslirp, come on top.
    uint32_t bytes_per_stream = 4u << 20;
    /// In an episode at one time, 64 a libslirp instance.
    uint32_t streams = 4096;
};

struct ReassemblyCounters {
    uint64_t episodes = 0;           ///< opened
    uint64_t slow_segments = 0;      ///< fed to libslirp
    uint64_t beyond_window = 0;      ///< had to wait for libslirp's window
    uint64_t overflow_segments = 0;  ///< refused: segments_per_stream
    uint64_t overflow_bytes = 0;     ///< refused: bytes_per_stream
    uint64_t overflow_streams = 0;   ///< refused: streams, or libslirp opened no connection
    uint64_t open = 0;               ///< episodes now
};

/// Not thread-safe; one a thread. libslirp's first instance in a process must not be made at the
/// same time as another: construct one Reassembler (it makes one) before starting threads that do.
/// Streams belong to the reassembler they were pushed to and must be reset() before they are
/// destroyed, else their episode is kept; once the reassembler is destroyed they must not be used
/// again. The frames' pool must outlive the reassembler.
class Reassembler {
  public:
    /// Throws std::runtime_error when libslirp does not start.
    explicit Reassembler(const ReassemblyLimits& limits = {});
    ~Reassembler();
    Reassembler(const Reassembler&) = delete;
    Reassembler& operator=(const Reassembler&) = delete;

    /// The fast path alone, without a sink: true when the segment is whole and the next one. It is
    /// then delivered as far as the stream is concerned.
    bool take_in_order(TcpStream& stream, const Segment& segment) {
        if (stream.reassembling() || segment.seq != stream.next_) return false;
        if (segment.bytes.size() != segment.size) return false;
        stream.next_ += segment.size;
        return true;
    }

    /// Takes one segment; what becomes deliverable goes to `sink` before push() returns.
    Arrival push(TcpStream& stream, const Segment& segment, StreamSink& sink) {
        if (!take_in_order(stream, segment)) return push_slow(stream, segment, sink);
        sink.deliver(segment.bytes, segment.frame);
        return Arrival::kInOrder;
    }

    /// Gives up on everything below `position` (at or above next()): a checkpoint has settled it.
    /// Queued segments beyond it are kept and delivered as far as they join.
    void skip_to(TcpStream& stream, Seq position, StreamSink& sink);

    /// Forgets all that is queued and goes on at `next`.
    void reset(TcpStream& stream, Seq next);

    const ReassemblyCounters& counters() const { return counters_; }
    /// Bytes referenced by queued segments of all streams (payload, not buffers).
    uint64_t queued_bytes() const { return queued_bytes_; }

  private:
    struct Episode;
    class Delivery;

    Arrival push_slow(TcpStream& stream, const Segment& segment, StreamSink& sink);
    bool has_room(const TcpStream& stream, const QueuedSegment& segment);
    Episode& episode_of(const TcpStream& stream) { return *episodes_[stream.episode_]; }
    bool enter(TcpStream& stream);
    void leave(TcpStream& stream);
    void forget(TcpStream& stream);
    bool connect(const TcpStream& stream, Episode& episode);
    void reconnect(TcpStream& stream, StreamSink& sink);
    void fill(TcpStream& stream, Seq position, StreamSink& sink);
    static bool in_window(const TcpStream& stream, const QueuedSegment& segment);
    void feed(TcpStream& stream, QueuedSegment segment, StreamSink& sink);
    void settle(TcpStream& stream, StreamSink& sink);

    ReassemblyLimits limits_;
    ReassemblyCounters counters_;
    uint64_t queued_bytes_ = 0;
    std::unique_ptr<StackPool> stacks_;
    std::vector<std::unique_ptr<Episode>> episodes_;
    std::vector<uint32_t> free_episodes_;
};

}  // namespace colo
