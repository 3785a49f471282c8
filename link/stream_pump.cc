// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_pump.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "io/stream_socket.h"

namespace colo {

namespace {

/// Reads before others have their turn.
constexpr int kReadsATurn = 8;

}  // namespace

std::string bytes_text(uint64_t count) {
    std::string digits = std::to_string(count);
    for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
    return digits + (count == 1 ? " byte" : " bytes");
}

StreamPump::StreamPump(EventLoop& loop, std::unique_ptr<Stream> stream, FileDescriptor fd,
                       std::string what, Done done)
    : loop_(loop),
      stream_(std::move(stream)),
      fd_(std::move(fd)),
      what_(std::move(what)),
      done_(std::move(done)) {
    watch_input(true);
    stream_->set_user(this);
}

void StreamPump::watch_input(bool on) {
    if (on == static_cast<bool>(readable_) || (on && input_over_)) return;
    readable_ = on ? watch_fd(loop_.context(), fd_.get(), G_IO_IN, [this] { fd_readable(); }) : nullptr;
}

void StreamPump::watch_output(bool on) {
    if (on == static_cast<bool>(writable_)) return;
    writable_ =
        on ? watch_fd(loop_.context(), fd_.get(), G_IO_OUT, [this] { drain_stream(); }) : nullptr;
}

// --- from the descriptor to the stream

void StreamPump::fd_readable() {
    for (int i = 0; i < kReadsATurn; ++i) {
        if (!read_some()) return;
    }
}

/// False: there is nothing, no room for it, or it is over.
bool StreamPump::read_some() {
    const MutableBytes into = stream_->space();
    if (into.empty()) {
        watch_input(false);  // until the stream is writable
        return false;
    }
    const ssize_t size = read(fd_.get(), into.data(), into.size());
    stream_->commit(size > 0 ? static_cast<size_t>(size) : 0);
    if (size > 0) return static_cast<size_t>(size) == into.size();
    if (size < 0 && would_wait(errno)) return false;
    if (size < 0) {
        fd_failed(errno, "read from");
        return false;
    }
    input_over_ = true;
    watch_input(false);
    stream_->finish();
    return false;
}

void StreamPump::stream_writable(Stream&) {
    watch_input(true);
    fd_readable();
}

// --- from the stream to the descriptor

void StreamPump::stream_readable(Stream&) {
    if (!writable_) drain_stream();
}

void StreamPump::drain_stream() {
    while (!stream_->peek().empty()) {
        const Bytes next = stream_->peek();
        const ssize_t size = send(fd_.get(), next.data(), next.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && would_wait(errno)) return watch_output(true);
        if (size < 0) return fd_failed(errno, "write to");
        stream_->consume(static_cast<size_t>(size));
    }
    watch_output(false);
    if (stream_->at_end()) shutdown(fd_.get(), SHUT_WR);
}

// --- the end

/// Not within whoever called: the pump may go.
void StreamPump::fd_failed(int error, const char* doing) {
    const bool closed = error == EPIPE || error == ECONNRESET;
    const std::string why = closed ? what_ + " closed its socket"
                                   : std::string("cannot ") + doing + " " + what_ + ": " + std::strerror(error);
    cancel({LinkCode::kFailed,
            why + " after " +
                bytes_text(std::max(stream_->bytes_in(), stream_->bytes_out())) + " of " + stream_->service()});
}

void StreamPump::cancel(const LinkStatus& why) {
    if (ending_) return;
    stream_->abort(why);
    watch_input(false);
    watch_output(false);
    input_over_ = true;
    fd_ = {};
    ending_ = after(loop_.context(), 0, [this, why] { end(why); });
}

void StreamPump::stream_over(Stream& stream, const LinkStatus& status) {
    if (status.ok()) return end(status);
    end({status.code, status.text + " (" + bytes_text(stream.bytes_out()) + " sent, " +
                          bytes_text(stream.bytes_in()) + " received of " + stream.service() + ")"});
}

void StreamPump::end(const LinkStatus& status) {
    watch_input(false);
    watch_output(false);
    fd_ = {};
    const Done done = std::move(done_);
    done(status);
}

}  // namespace colo
