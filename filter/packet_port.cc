// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/packet_port.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/log.h"
#include "io/stream_socket.h"

namespace colo {

namespace {

/// What one port may read before the others have their turn.
constexpr size_t kShareFrames = 128;
/// What one drain() reads at most.
constexpr size_t kDrainFrames = 1u << 16;
constexpr size_t kWritesAtOnce = 64;
/// Nobody tells when the receiver of an unconnected socket has room again.
constexpr unsigned kRetryMs = 1;

constexpr std::array<uint8_t, kMaxFront> kNoVnetHeader{};

/// Nobody is at the other end.
bool is_absence(int error) {
    return error == ECONNREFUSED || error == ENOENT || error == ECONNRESET || error == EPERM;
}

}  // namespace

PacketPort::PacketPort(EventLoop& loop, FramePool& pool, std::string what, PacketDevice device,
                       Owner& owner)
    : loop_(loop),
      what_(std::move(what)),
      device_(std::move(device)),
      owner_(owner),
      buffer_(pool) {
    ++counters_.connects;
}

void PacketPort::set_sink(FrameSink* sink) {
    sink_ = sink;
    if (std::exchange(reads_, true)) return;
    update_watch();
}

void PacketPort::pause_reading(bool paused) {
    if (std::exchange(paused_, paused) != paused) update_watch();
}

void PacketPort::update_watch() {
    readable_.reset();
    if (!device_.fd || !reads_ || paused_) return;
    readable_.emplace(loop_, device_.fd.get(), G_IO_IN, watch_owner());
}

void PacketPort::readable() { read_batch(kShareFrames, false); }

bool PacketPort::drain() {
    if (in_batch_) return false;
    if (!device_.fd || !reads_) return true;
    return read_batch(kDrainFrames, true) != Read::kSome;
}

/// kOver: the device is closed, or the port is gone.
PacketPort::Read PacketPort::read_batch(size_t share, bool until_empty) {
    Lifeline::Watch life(lifeline_);
    in_batch_ = true;
    Read read = Read::kSome;
    for (size_t i = 0; i < share && read == Read::kSome && (until_empty || !paused_); ++i) {
        read = read_once();
        if (life.is_cut()) return Read::kOver;
    }
    if (sink_) sink_->batch_end(loop_.now());
    if (life.is_cut()) return Read::kOver;
    in_batch_ = false;
    if (read == Read::kOver) close();
    return read;
}

/// Of a socket errors are the news that earlier datagrams did not arrive.
PacketPort::Read PacketPort::read_once() {
    const uint32_t prefix = prefix_size(framing());
    const MutableBytes space = buffer_.space();
    const MutableBytes room = space.subspan(prefix);
    const ssize_t size = read(device_.fd.get(), room.data(), room.size());
    ++counters_.reads;
    if (size < 0 && would_wait_or_lacks_memory(errno)) return Read::kEmpty;
    if (size < 0) {
        read_error_ = errno;
        return device_.is_socket || errno == EINTR ? Read::kSome : Read::kOver;
    }
    counters_.bytes_in += static_cast<uint64_t>(size);
    if (size <= ssize_t{device_.vnet_header} || size > ssize_t{kMaxFrameBytes}) {
        ++counters_.bad_lengths;
        return Read::kSome;
    }
    deliver(space.data(), static_cast<uint32_t>(size));
    return Read::kSome;
}

/// The frame lies behind room for the prefix it needs on a stream: filled in, it can be sent from there.
void PacketPort::deliver(uint8_t* at, uint32_t size) {
    const uint32_t prefix = prefix_size(framing());
    store_be32(at, size);
    if (framing() == Framing::kVnet) store_be32(at + 4, device_.vnet_header);
    buffer_.commit(prefix + size);
    buffer_.skip(prefix);
    Frame frame = buffer_.take(device_.vnet_header, size - device_.vnet_header);
    if (!sink_) {
        ++counters_.discarded;
        return;
    }
    ++counters_.frames_in;
    sink_->frame(std::move(frame), loop_.now());
}

SendResult PacketPort::send(Frame&& frame) {
    if (!device_.fd) {
        ++counters_.not_connected;
        return SendResult::kNotConnected;
    }
    if (!queue_.has_room_for(frame) && !is_blocked()) flush();
    if (!queue_.has_room_for(frame)) {
        ++counters_.refused;
        return SendResult::kFull;
    }
    queue_.push(std::move(frame));
    if (!is_blocked()) loop_.at_end(*this);
    return SendResult::kQueued;
}

void PacketPort::flush() {
    while (!queue_.empty()) {
        errno = 0;
        const size_t count = device_.is_socket ? write_datagrams() : write_frame();
        if (count > 0) {
            written(count);
        } else if (would_wait_or_lacks_memory(errno)) {
            return wait_until_writable();
        } else if (errno != EINTR) {
            drop_first(errno);
        }
    }
    writable_.reset();
    again_.reset();
}

/// How many of the queue's first frames have been written; 0: errno tells why.
size_t PacketPort::write_datagrams() {
    const size_t count = std::min(queue_.size(), kWritesAtOnce);
    std::array<mmsghdr, kWritesAtOnce> messages{};
    std::array<Vectors, kWritesAtOnce> vectors;
    for (size_t i = 0; i < count; ++i) {
        msghdr& header = messages[i].msg_hdr;
        header.msg_iov = vectors[i].data();
        header.msg_iovlen = gather(queue_[i], vectors[i]);
        header.msg_namelen = device_.destination.size;
        if (header.msg_namelen > 0) header.msg_name = &device_.destination.storage;
    }
    ++counters_.writes;
    const int sent = sendmmsg(device_.fd.get(), messages.data(), static_cast<unsigned>(count),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? static_cast<size_t>(sent) : 0;
}

size_t PacketPort::write_frame() {
    Vectors vectors;
    const size_t count = gather(queue_[0], vectors);
    ++counters_.writes;
    return writev(device_.fd.get(), vectors.data(), static_cast<int>(count)) < 0 ? 0 : 1;
}

size_t PacketPort::gather(const Frame& frame, Vectors& vectors) const {
    size_t count = 0;
    if (device_.vnet_header > 0) {
        const bool has_one = frame.front().size() >= device_.vnet_header;
        const uint8_t* header = has_one ? frame.front().data() : kNoVnetHeader.data();
        vectors[count++] = to_iovec(header, device_.vnet_header);
    }
    vectors[count++] = to_iovec(frame.data(), frame.size());
    return count;
}

void PacketPort::written(size_t frames) {
    is_failing_ = false;
    counters_.frames_out += frames;
    for (size_t i = 0; i < frames; ++i) {
        counters_.bytes_out += queue_.pop().size() + device_.vnet_header;
    }
}

void PacketPort::drop_first(int error) {
    ++(is_absence(error) ? counters_.not_connected : counters_.write_errors);
    queue_.pop();
    if (std::exchange(is_failing_, true)) return;
    log_warning(what_, std::string("a frame cannot be written: ") + std::strerror(error));
}

void PacketPort::wait_until_writable() {
    if (device_.destination.size > 0) {
        again_ = after(loop_.context(), kRetryMs, [this] { flush(); });
    } else if (!writable_) {
        writable_.emplace(loop_, device_.fd.get(), G_IO_OUT, watch_owner());
    }
}

void PacketPort::close() {
    ++counters_.disconnects;
    counters_.lost += queue_.size();
    queue_.clear();
    buffer_.clear();
    writable_.reset();
    again_.reset();
    device_.fd = {};
    update_watch();
    const std::string reason = std::strerror(read_error_);
    log_error(what_, "lost: " + reason);
    owner_.device_lost(reason);
}

}  // namespace colo
