// SPDX-License-Identifier: GPL-2.0-or-later
// Frames through a descriptor that keeps them apart by itself, one a system call when read: a tap, or a
// datagram socket.
#pragma once

#include <sys/uio.h>

#include <array>
#include <optional>
#include <string>

#include "filter/endpoint_counters.h"
#include "filter/frame_sink.h"
#include "filter/framing.h"
#include "filter/waiting_frames.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/lifeline.h"
#include "io/socket_address.h"
#include "packet/receive_buffer.h"

namespace colo {

struct PacketDevice {
    FileDescriptor fd;          ///< does not block
    bool is_socket = false;     ///< else a device, which is given up when it cannot be read
    SocketAddress destination;  ///< of an unconnected socket; size 0: none
    uint32_t vnet_header = 0;   ///< bytes of it in front of each frame
};

class PacketPort final : private FdWatch::Owner, private Flushable {
  public:
    class Owner {
      public:
        /// The device is closed. May destroy the port.
        virtual void device_lost(const std::string& reason) = 0;

      protected:
        ~Owner() = default;
    };

    PacketPort(EventLoop& loop, FramePool& pool, std::string what, PacketDevice device,
               Owner& owner);

    bool is_open() const { return static_cast<bool>(device_.fd); }
    const EndpointCounters& counters() const { return counters_; }

    /// Reads from the first call on. nullptr: frames are discarded and counted.
    void set_sink(FrameSink* sink);
    void set_limits(const QueueLimits& limits) { queue_.set_limits(limits); }
    void pause_reading(bool paused);
    /// As FrameStream::drain().
    bool drain();

    /// Takes the frame only with kQueued. A vnet header is cut to the device's size, or is all zero when the
    /// frame has none that is long enough.
    SendResult send(Frame&& frame);
    size_t unsent() const { return queue_.bytes(); }

  private:
    enum class Read { kSome, kEmpty, kOver };

    using Vectors = std::array<iovec, 2>;

    Framing framing() const { return device_.vnet_header > 0 ? Framing::kVnet : Framing::kPlain; }
    FdWatch::Owner& watch_owner() { return *this; }
    void fd_ready(GIOCondition condition) override { condition == G_IO_OUT ? flush() : readable(); }
    void flush() override;
    size_t write_datagrams();
    size_t write_frame();
    size_t gather(const Frame& frame, Vectors& vectors) const;
    void written(size_t frames);
    void drop_first(int error);
    void wait_until_writable();
    bool is_blocked() const { return writable_ || again_; }
    void readable();
    Read read_batch(size_t share, bool until_empty);
    Read read_once();
    void deliver(uint8_t* at, uint32_t size);
    void close();
    void update_watch();

    EventLoop& loop_;
    std::string what_;
    PacketDevice device_;
    Owner& owner_;
    EndpointCounters counters_;
    ReceiveBuffer buffer_;
    WaitingFrames queue_;
    FrameSink* sink_ = nullptr;
    bool reads_ = false;
    bool paused_ = false;
    bool in_batch_ = false;
    int read_error_ = 0;
    bool is_failing_ = false;  ///< the last write did; told once
    std::optional<FdWatch> readable_;
    std::optional<FdWatch> writable_;
    SourcePtr again_;  ///< what takes writable_'s place where nobody tells
    Lifeline lifeline_;
};

}  // namespace colo
