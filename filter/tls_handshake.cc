// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/tls_handshake.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "io/stream_socket.h"
#include "link/gentle_close.h"

namespace colo {

TlsHandshake::TlsHandshake(EventLoop& loop, FileDescriptor fd, TlsCredentials& credentials, Owner& owner)
    : loop_(loop),
      fd_(std::move(fd)),
      tls_(std::make_unique<TlsSession>(credentials)),
      owner_(owner) {
    GMainContext* const context = loop_.context();
    readable_ = watch_fd(context, fd_.get(), G_IO_IN, [this] { advance(); });
    begin_ = after(context, 0, [this] { advance(); });
    deadline_ = after(context, kDeadlineMs,
                      [this] { fail("no handshake within " + std::to_string(kDeadlineMs) + " ms"); });
}

void TlsHandshake::advance() {
    begin_.reset();
    const bool is_open = read_some();
    if (!is_done_ && failure_.empty()) judge();
    const bool is_written = write_all();
    if (!failure_.empty()) return fail(failure_);
    if (is_done_ && is_written) return owner_.handshake_done(std::move(fd_), std::move(tls_));
    if (!is_open) return fail("the other end closed it");
    if (is_written) return writable_.reset();
    if (!writable_) writable_ = watch_fd(loop_.context(), fd_.get(), G_IO_OUT, [this] { advance(); });
}

/// False: nothing more will come.
bool TlsHandshake::read_some() {
    for (;;) {
        const MutableBytes space = tls_->space();
        if (space.empty()) return true;
        const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
        if (size > 0) {
            tls_->commit(static_cast<size_t>(size));
        } else if (size < 0 && errno == EINTR) {
            continue;
        } else {
            return size < 0 && would_wait(errno);
        }
    }
}

void TlsHandshake::judge() {
    const TlsSession::Step step = tls_->handshake();
    if (step == TlsSession::Step::kNeedsMore) return;
    if (step == TlsSession::Step::kFailed) {
        failure_ = tls_->failure();
        return;
    }
    is_done_ = true;
    failure_ = tls_->judge_peer();
    if (!failure_.empty()) tls_->refuse();
}

/// False: the rest waits for room.
bool TlsHandshake::write_all() {
    while (!tls_->output().empty()) {
        const Bytes output = tls_->output();
        const ssize_t size = send(fd_.get(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return false;
        tls_->consume(static_cast<size_t>(size));
    }
    return true;
}

void TlsHandshake::fail(const std::string& why) {
    readable_.reset();
    close_gently(loop_.context(), std::move(fd_));
    // The reason goes with us.
    const std::string told = why;
    owner_.handshake_failed(told);
}

}  // namespace colo
