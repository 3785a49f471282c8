// SPDX-License-Identifier: GPL-2.0-or-later
// One libslirp instance, used as a receiver of TCP bytes.
//
// libslirp is a whole user-mode network; here it has one guest, one guest forward ("guestfwd": an
// address and port whose data goes to a callback) and nothing else. A connection is a flow's one
// direction, fed as synthetic Ethernet/IPv4/TCP frames, so that it does not matter whether the flow
// itself is IPv6 or tagged. Connections differ in their synthetic source port only. libslirp works
// synchronously: what it calls back with during segment() belongs to that connection.
//
// Not thread-safe; one instance may be used by one thread at a time. The first slirp_new() of a
// process must not run at the same time as another: make one SlirpStack before starting threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "packet/bytes.h"
#include "packet/seq.h"

struct Slirp;

namespace colo {

class SlirpStack {
  public:
    /// Gets a connection's bytes, in order, exactly once. `bytes` lie in libslirp's memory and are
    /// valid during the call. Must not call the stack and must not throw (C code is in between).
    class Receiver {
      public:
        virtual void receive(Bytes bytes) = 0;

      protected:
        ~Receiver() = default;
    };

    /// A slot; valid from open() to close().
    using Connection = uint8_t;

    /// libslirp finds a connection by walking a list.
    static constexpr uint32_t kMaxConnections = 64;
    /// What lies beyond the next byte and this, libslirp trims without a word.
    static constexpr uint32_t kWindowBytes = 128u << 10;
    /// Where connections should begin: libslirp 4.7.0 crashes when a queued segment drains and the
    /// next position is 0, so callers shift their numbers to start here, 3 GiB before that.
    static constexpr Seq kStartPosition{0x40000000};

    /// Throws std::runtime_error when libslirp does not start.
    SlirpStack();
    /// Connections may be open.
    ~SlirpStack();
    SlirpStack(const SlirpStack&) = delete;
    SlirpStack& operator=(const SlirpStack&) = delete;

    /// A connection whose next byte is `next`. Empty when full() or when libslirp refuses.
    /// No position of the connection may come near 2^32: see kStartPosition.
    std::optional<Connection> open(Seq next);

    /// Feeds `bytes` at `seq`; what becomes deliverable goes to `receiver` before this returns. The
    /// last byte must lie in the window. More than an IPv4 packet holds is fed as two.
    void segment(Connection connection, Seq seq, Bytes bytes, Receiver& receiver);

    /// First byte the connection has not handed out.
    Seq next(Connection connection) const { return slots_[connection].next; }

    /// Frees the connection and what it has queued.
    void close(Connection connection);

    bool full() const { return free_slots_ == 0; }

  private:
    static constexpr uint32_t kHeaderBytes = 54;  ///< Ethernet 14, IPv4 20, TCP 20
    static constexpr uint32_t kMaxPayloadBytes = 65535 - 40;

    struct SlirpDeleter {
        void operator()(Slirp* slirp) const;
    };
    struct Slot {
        Seq next;  ///< libslirp's RCV.NXT
        Seq ack;   ///< its ISN + 1: it sends no data, so that is what to acknowledge for ever
    };

    static int64_t on_send(const void* frame, size_t size, void* self);
    static int64_t on_receive(const void* bytes, size_t size, void* self);

    void announce_guest();
    void write_constant_headers();
    void write_headers(Connection connection, Seq seq, uint8_t flags, uint32_t payload_size);
    void input(Connection connection, Seq seq, uint8_t flags, Bytes payload = {});

    std::unique_ptr<Slirp, SlirpDeleter> slirp_;
    std::array<Slot, kMaxConnections> slots_{};
    uint64_t free_slots_ = UINT64_MAX;  ///< one bit each
    Slot* fed_ = nullptr;               ///< whose input() is under way
    Receiver* receiver_ = nullptr;      ///< of the segment() under way
    std::optional<Seq> syn_ack_;        ///< sequence number of the last one seen
    std::array<uint8_t, kHeaderBytes + kMaxPayloadBytes> frame_{};
};

}  // namespace colo
