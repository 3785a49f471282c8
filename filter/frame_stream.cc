// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "io/stream_socket.h"

namespace colo {

namespace {

/// What one stream may read before the others have their turn.
constexpr size_t kShareBytes = 1u << 20;
/// What one drain() reads at most.
constexpr size_t kDrainBytes = 64u << 20;

/// What QEMU's chardevs read at a time. Of a longer record they leave the rest in their TLS session, where
/// nothing tells them of it before the next one comes.
constexpr size_t kRecordBytes = 4096;

/// The vectors' first bytes, as many as a record may have.
std::span<const iovec> first_record(std::span<iovec> vectors) {
    size_t left = kRecordBytes;
    for (size_t i = 0; i < vectors.size(); ++i) {
        vectors[i].iov_len = std::min(vectors[i].iov_len, left);
        left -= vectors[i].iov_len;
        if (left == 0) return vectors.first(i + 1);
    }
    return vectors;
}

/// As much as the session takes.
void encrypt(FrameQueue& queue, TlsSession& tls, EndpointCounters& counters) {
    while (!queue.empty()) {
        std::array<iovec, 64> vectors;
        const size_t used = queue.gather(vectors);
        const size_t size = tls.write(first_record(std::span(vectors).first(used)));
        if (size == 0) return;
        counters.bytes_out += size;
        counters.frames_out += queue.consume(size);
    }
}

}  // namespace

FrameStream::FrameStream(EventLoop& loop, FramePool& pool, EndpointCounters& counters, Owner& owner)
    : loop_(loop), counters_(counters), owner_(owner), buffer_(pool) {}

void FrameStream::open(FileDescriptor fd, std::unique_ptr<TlsSession> tls) {
    fd_ = std::move(fd);
    tls_ = std::move(tls);
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
    undecrypted_.reset();
    fd_ = {};
    tls_.reset();
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
    readable_.emplace(loop_, fd_.get(), has_framing_ ? G_IO_IN : G_IO_HUP, watch_owner());
    if (tls_ && tls_->has_input() && has_framing_) undecrypted_ = after(loop_.context(), 0, [this] { readable(); });
}

void FrameStream::readable() {
    undecrypted_.reset();
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

FrameStream::Read FrameStream::read_once(bool until_empty) {
    return tls_ ? read_tls(until_empty) : read_plain(until_empty);
}

/// A read that did not fill the space has emptied the socket, as far as the next wakeup goes.
FrameStream::Read FrameStream::read_plain(bool until_empty) {
    const MutableBytes space = buffer_.space();
    const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
    ++counters_.reads;
    if (size <= 0) return read_ended(size);
    buffer_.commit(static_cast<size_t>(size));
    counters_.bytes_in += static_cast<uint64_t>(size);
    if (!deliver()) return Read::kOver;
    const bool is_short = static_cast<size_t>(size) < space.size();
    return is_short && !until_empty ? Read::kEmpty : Read::kSome;
}

/// `size`: what a read returned that brought nothing.
FrameStream::Read FrameStream::read_ended(ssize_t size) {
    if (size < 0 && errno == EINTR) return Read::kSome;
    if (size < 0 && would_wait_or_lacks_memory(errno)) return Read::kEmpty;
    read_failure_ = size == 0 ? "the other end closed it" : std::strerror(errno);
    return Read::kOver;
}

/// All that has come is decrypted: the socket would not tell of what is left in the session.
FrameStream::Read FrameStream::read_tls(bool until_empty) {
    const bool had_input = tls_->has_input();
    const MutableBytes space = tls_->space();
    const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
    ++counters_.reads;
    const Read ended = size > 0 ? Read::kSome : read_ended(size);
    if (size > 0) tls_->commit(static_cast<size_t>(size));
    if (size <= 0 && !had_input) return ended;
    if (decrypt() == Read::kOver) return Read::kOver;
    if (size <= 0) return ended;
    const bool is_short = static_cast<size_t>(size) < space.size();
    return is_short && !until_empty ? Read::kEmpty : Read::kSome;
}

FrameStream::Read FrameStream::decrypt() {
    for (;;) {
        size_t size = 0;
        const TlsSession::Step step = tls_->read(buffer_.space(), size);
        if (step == TlsSession::Step::kFailed) {
            read_failure_ = tls_->failure();
            return Read::kOver;
        }
        if (step == TlsSession::Step::kNeedsMore) {
            if (!tls_->output().empty() && !writable_) loop_.at_end(*this);
            return Read::kSome;
        }
        buffer_.commit(size);
        counters_.bytes_in += size;
        if (!deliver()) return Read::kOver;
    }
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
    while (has_output()) {
        if (!write_once()) return;
    }
    writable_.reset();
}

/// False: nothing more can be written now.
bool FrameStream::write_once() { return tls_ ? write_tls() : write_plain(); }

bool FrameStream::write_plain() {
    std::array<iovec, IOV_MAX> vectors;
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = queue_.gather(vectors);
    const ssize_t size = sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    ++counters_.writes;
    if (size > 0) {
        counters_.bytes_out += static_cast<uint64_t>(size);
        counters_.frames_out += queue_.consume(static_cast<size_t>(size));
        const bool had_all = message.msg_iovlen + 1 < vectors.size();
        if (queue_.empty() || !had_all) return true;
    }
    return is_writable_again(size);
}

/// Frames count as written once they are encrypted; what the socket has not taken is little (TlsSession).
bool FrameStream::write_tls() {
    if (tls_->output().empty()) encrypt(queue_, *tls_, counters_);
    if (!tls_->failure().empty()) {
        write_failed(tls_->failure());
        return false;
    }
    const Bytes output = tls_->output();
    const ssize_t size = ::send(fd_.get(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ++counters_.writes;
    if (size > 0) tls_->consume(static_cast<size_t>(size));
    return tls_->output().empty() || is_writable_again(size);
}

/// After a write that left something. False: the peer is to make room, or nothing can be written any more.
bool FrameStream::is_writable_again(ssize_t size) {
    if (size < 0 && errno == EINTR) return true;
    if (size < 0 && !would_wait_or_lacks_memory(errno)) {
        write_failed(std::strerror(errno));
        return false;
    }
    if (!writable_) writable_.emplace(loop_, fd_.get(), G_IO_OUT, watch_owner());
    return false;
}

/// Whoever sends does not expect to be called back: the connection ends in the next turn.
void FrameStream::write_failed(std::string why) {
    write_failure_ = std::move(why);
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
    return queue_.bytes() + (tls_ ? tls_->output().size() : 0) + static_cast<size_t>(in_system);
}

}  // namespace colo
