// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/migration_relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/stream_socket.h"

namespace colo {

namespace {

constexpr size_t kReadBytes = 64u << 10;
/// Reads before others have their turn.
constexpr int kReadsATurn = 16;

}  // namespace

MigrationRelay::MigrationRelay(EventLoop& loop, Role role, std::unique_ptr<Stream> stream, Owner& owner)
    : loop_(loop),
      role_(role),
      owner_(owner),
      stream_(std::move(stream)),
      channel_(*this, loop.now()),
      buffer_(kReadBytes) {
    stream_->set_user(this);
}

void MigrationRelay::attach(FileDescriptor socket) {
    socket_ = std::move(socket);
    is_attached_ = true;
    watch_input(true);
    from_peer();
}

void MigrationRelay::watch_input(bool on) {
    if (on == static_cast<bool>(readable_)) return;
    readable_ = on ? watch_fd(loop_.context(), socket_.get(), G_IO_IN, [this] { from_qemu(); }) : nullptr;
}

void MigrationRelay::watch_output(bool on) {
    if (on == static_cast<bool>(writable_)) return;
    writable_ = on ? watch_fd(loop_.context(), socket_.get(), G_IO_OUT, [this] { from_peer(); }) : nullptr;
}

// --- From our QEMU to the peer -------------------------------------------------------------------

void MigrationRelay::from_qemu() {
    if (!socket_ || is_taking_outward_) return;
    for (int i = 0; i < kReadsATurn; ++i) {
        if (!send_owed_to_peer() || !take_from_qemu() || !read_qemu()) return;
    }
}

/// False: a message is held, or there is no room.
bool MigrationRelay::take_from_qemu() {
    while (begin_ < end_) {
        is_taking_outward_ = true;
        const size_t taken =
            channel_.take(outward(), Bytes(buffer_).subspan(begin_, end_ - begin_), loop_.now());
        is_taking_outward_ = false;
        begin_ += taken;
        if (taken == 0 || channel_.is_holding(outward())) break;
    }
    const bool may_read = begin_ == end_ && !channel_.is_holding(outward()) && send_owed_to_peer();
    watch_input(may_read && !has_qemu_ended_);
    return may_read;
}

/// False: there is nothing, or it is over.
bool MigrationRelay::read_qemu() {
    if (has_qemu_ended_) return false;
    const ssize_t size = read(socket_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && would_wait(errno)) return false;
    if (size <= 0) {
        qemu_ended(size == 0 ? "it closed its channel" : std::strerror(errno));
        return false;
    }
    begin_ = 0;
    end_ = static_cast<size_t>(size);
    return take_from_qemu();
}

void MigrationRelay::qemu_ended(const std::string& why) {
    has_qemu_ended_ = true;
    watch_input(false);
    if (is_stream_alive()) stream_->finish();
    owner_.relay_qemu_ended(why);
}

/// True: nothing is owed, or nobody is there to get it.
bool MigrationRelay::send_owed_to_peer() {
    if (owed_to_peer_.empty()) return true;
    if (is_stream_alive()) {
        owed_to_peer_.erase(0, stream_->write(bytes_of(owed_to_peer_)));
    } else {
        owed_to_peer_.clear();
    }
    if (!owed_to_peer_.empty()) watch_input(false);  // until the stream is writable
    return owed_to_peer_.empty();
}

// --- From the peer to our QEMU -------------------------------------------------------------------

void MigrationRelay::from_peer() {
    if (!socket_ || is_taking_inward_ || !send_owed_to_qemu()) return;
    while (is_stream_alive() && owed_to_qemu_.empty() && !channel_.is_holding(inward())) {
        const Bytes bytes = stream_->peek();
        if (bytes.empty()) break;
        is_taking_inward_ = true;
        const size_t taken = channel_.take(inward(), bytes, loop_.now());
        is_taking_inward_ = false;
        if (taken == 0) return;
        stream_->consume(taken);
    }
    if (is_stream_alive() && stream_->at_end() && owed_to_qemu_.empty()) close_to_qemu();
}

bool MigrationRelay::send_owed_to_qemu() {
    while (!owed_to_qemu_.empty() && !is_closed_to_qemu_) {
        const ssize_t size = send(socket_.get(), owed_to_qemu_.data(), owed_to_qemu_.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && would_wait(errno)) {
            watch_output(true);
            return false;
        }
        if (size < 0) close_to_qemu();  // reading tells why
        if (size > 0) owed_to_qemu_.erase(0, static_cast<size_t>(size));
    }
    watch_output(false);
    return true;
}

void MigrationRelay::pass(ColoDirection direction, Bytes bytes) {
    if (direction == outward()) {
        if (!is_stream_alive()) return;
        const size_t written = owed_to_peer_.empty() ? stream_->write(bytes) : 0;
        owed_to_peer_ += text_of(bytes.subspan(written));
        return;
    }
    if (is_closed_to_qemu_ || !socket_) return;
    if (owed_to_qemu_.empty()) {
        const ssize_t size = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size > 0) bytes = bytes.subspan(static_cast<size_t>(size));
    }
    if (bytes.empty()) return;
    owed_to_qemu_ += text_of(bytes);
    send_owed_to_qemu();
}

void MigrationRelay::hand_on(ColoMessage message) {
    channel_.hand_on(message);
    // From within take() what follows is taken there.
    if (direction_of(message) == outward()) {
        from_qemu();
    } else {
        from_peer();
    }
}

// --- The end -------------------------------------------------------------------------------------

void MigrationRelay::close_to_qemu() {
    if (!socket_ || std::exchange(is_closed_to_qemu_, true)) return;
    owed_to_qemu_.clear();
    watch_output(false);
    shutdown(socket_.get(), SHUT_WR);
}

void MigrationRelay::stream_over(Stream&, const LinkStatus& status) {
    owed_to_peer_.clear();
    // Our QEMU's last words need no room.
    if (socket_ && !has_qemu_ended_) watch_input(!channel_.is_holding(outward()));
    owner_.relay_peer_ended(status);
}

void MigrationRelay::close(const LinkStatus& why) {
    if (is_stream_alive()) stream_->abort(why);
    watch_input(false);
    watch_output(false);
    has_qemu_ended_ = is_closed_to_qemu_ = true;
    socket_ = {};
}

}  // namespace colo
