// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace colo {

namespace {

/// What one stream may read before the others have their turn.
constexpr size_t kShareBytes = 1u << 20;
/// What one drain() reads at most.
constexpr size_t kDrainBytes = 64u << 20;

bool is_temporary(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

FrameStream::FrameStream(EventLoop& loop, FramePool& pool, EndpointCounters& counters, Owner& owner)
    : loop_(loop), counters_(counters), owner_(owner), buffer_(pool) {}

void FrameStream::open(FileDescriptor fd) {
    fd_ = std::move(fd);
    ++counters_.connects;
    update_watch();
}

void FrameStream::close() {
    if (!fd_) return;
    ++counters_.disconnects;
    counters_.lost += queue_.clear();
    counters_.cut_bytes += buffer_.pending().size();
    buffer_.clear();
    current_in_ = in_;
    read_failure_.clear();
    write_failure_.clear();
    writable_.reset();
    ending_.reset();
    fd_ = {};
    update_watch();
}

void FrameStream::end(std::string reason) {
    close();
    owner_.stream_ended(reason);
}

void FrameStream::set_framing(Framing in, Framing out) {
    in_ = in;
    out_ = out;
    if (buffer_.pending().empty()) current_in_ = in;
    has_framing_ = true;
    update_watch();
}

void FrameStream::pause_reading(bool paused) {
    if (paused_ == paused) return;
    paused_ = paused;
    update_watch();
}

/// Without a framing only the end of the connection is waited for.
void FrameStream::update_watch() {
    readable_.reset();
    if (!fd_ || (paused_ && has_framing_)) return;
    readable_ = watch_fd(loop_.context(), fd_.get(), has_framing_ ? G_IO_IN : G_IO_HUP,
                         [this] { readable(); });
}

void FrameStream::readable() {
    if (!has_framing_) return end("the other end closed it");
    Lifeline::Watch life(lifeline_);
    const Read read = read_batch(kShareBytes, false);
    if (!life.is_cut() && read == Read::kOver && fd_) end(read_failure_);
}

bool FrameStream::drain() {
    if (in_batch_) return false;
    if (!fd_ || !has_framing_) return true;
    Lifeline::Watch life(lifeline_);
    const Read read = read_batch(kDrainBytes, true);
    if (life.is_cut() || !fd_) return true;
    if (read == Read::kOver) {
        end(read_failure_);
        return true;
    }
    return read == Read::kEmpty && buffer_.pending().empty();
}

/// kOver: the connection cannot be read any more, or the stream is gone.
FrameStream::Read FrameStream::read_batch(size_t share, bool until_empty) {
    Lifeline::Watch life(lifeline_);
    const uint64_t enough = counters_.bytes_in + share;
    in_batch_ = true;
    Read read = Read::kSome;
    while (read == Read::kSome && counters_.bytes_in < enough && (until_empty || !paused_)) {
        read = read_once(until_empty);
        if (life.is_cut()) return Read::kOver;
    }
    if (sink_) sink_->batch_end(loop_.now());
    if (life.is_cut()) return Read::kOver;
    in_batch_ = false;
    return read;
}

/// A read that did not fill the space has emptied the socket, as far as the next wakeup goes.
FrameStream::Read FrameStream::read_once(bool until_empty) {
    const MutableBytes space = buffer_.space();
    const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
    ++counters_.reads;
    if (size < 0 && errno == EINTR) return Read::kSome;
    if (size < 0 && is_temporary(errno)) return Read::kEmpty;
    if (size <= 0) {
        read_failure_ = size == 0 ? "the other end closed it" : std::strerror(errno);
        return Read::kOver;
    }
    buffer_.commit(static_cast<size_t>(size));
    counters_.bytes_in += static_cast<uint64_t>(size);
    if (!deliver()) return Read::kOver;
    const bool is_short = static_cast<size_t>(size) < space.size();
    return is_short && !until_empty ? Read::kEmpty : Read::kSome;
}

/// False: nothing more comes from this connection, or the stream is gone.
bool FrameStream::deliver() {
    Lifeline::Watch life(lifeline_);
    const Time now = loop_.now();
    FramingError error = FramingError::kNone;
    while (Frame frame = next_frame(buffer_, current_in_, error)) {
        if (sink_) {
            ++counters_.frames_in;
            sink_->frame(std::move(frame), now);
            if (life.is_cut()) return false;
        } else {
            ++counters_.discarded;
        }
        current_in_ = in_;
    }
    if (error == FramingError::kNone) return static_cast<bool>(fd_);
    ++counters_.bad_lengths;
    read_failure_ = std::string("it sent ") + describe(error);
    return false;
}

SendResult FrameStream::send(Frame&& frame) {
    if (fd_ && !writable_ && !queue_.has_room_for(frame)) flush();
    if (!fd_ || !write_failure_.empty()) {
        ++counters_.not_connected;
        return SendResult::kNotConnected;
    }
    if (!queue_.has_room_for(frame)) {
        ++counters_.refused;
        return SendResult::kFull;
    }
    queue_.push(std::move(frame), out_);
    if (!writable_) loop_.at_end(*this);
    return SendResult::kQueued;
}

void FrameStream::flush() {
    while (!queue_.empty()) {
        if (!write_once()) return;
    }
    writable_.reset();
}

/// False: nothing more can be written now.
bool FrameStream::write_once() {
    std::array<iovec, IOV_MAX> vectors;
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = queue_.gather(vectors);
    const ssize_t size = sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    ++counters_.writes;
    if (size < 0 && errno == EINTR) return true;
    if (size < 0 && !is_temporary(errno)) {
        write_failed(errno);
        return false;
    }
    if (size > 0) {
        counters_.bytes_out += static_cast<uint64_t>(size);
        counters_.frames_out += queue_.consume(static_cast<size_t>(size));
        const bool had_all = message.msg_iovlen + 1 < vectors.size();
        if (queue_.empty() || !had_all) return true;
    }
    if (!writable_) writable_ = watch_fd(loop_.context(), fd_.get(), G_IO_OUT, [this] { flush(); });
    return false;
}

/// Whoever sends does not expect to be called back: the connection ends in the next turn.
void FrameStream::write_failed(int error) {
    write_failure_ = std::strerror(error);
    counters_.lost += queue_.clear();
    writable_.reset();
    ending_ = after(loop_.context(), 0, [this] { end_after_failed_write(); });
}

/// What the peer sent before it went can still be read.
void FrameStream::end_after_failed_write() {
    Lifeline::Watch life(lifeline_);
    drain();
    if (!life.is_cut() && fd_) end(write_failure_);
}

size_t FrameStream::unsent() const {
    int in_system = 0;
    if (fd_) ioctl(fd_.get(), SIOCOUTQ, &in_system);
    return queue_.bytes() + static_cast<size_t>(in_system);
}

}  // namespace colo
