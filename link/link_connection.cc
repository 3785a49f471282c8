// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/stream_socket.h"
#include "link/gentle_close.h"

namespace colo {

namespace {

constexpr size_t kVectors = 64;
/// What one connection reads or writes before others have their turn.
constexpr uint64_t kShareBytes = 1u << 20;
constexpr int kNotSentBytes = 128 << 10;
/// The session's deadline is shorter: this is for who has no loop running.
constexpr KeepAlive kKeepAlive{.idle_seconds = 5, .interval_seconds = 2, .probes = 3};

bool is_temporary(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS ||
           error == ENOMEM;
}

}  // namespace

void set_link_socket_options(int fd, const ListenAddress& address) {
    if (address.kind != ListenAddress::Kind::kTcp) return;
    set_tcp_options(fd, kKeepAlive);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentBytes, sizeof kNotSentBytes);
}

LinkConnection::LinkConnection(EventLoop& loop, FramePool& pool, FileDescriptor fd,
                               std::string where, const LinkEndpoint& endpoint, LinkUser& user)
    : loop_(loop),
      fd_(std::move(fd)),
      where_(std::move(where)),
      credentials_(endpoint.tls),
      tls_(credentials_ ? std::make_unique<TlsSession>(*credentials_) : nullptr),
      phase_(tls_ ? Phase::kHandshake : Phase::kOpen),
      buffer_(pool),
      tick_(loop, [this] { tick(); }),
      again_(loop, [this] { loop_.at_end(*this); }),
      session_(endpoint.config, user, *this, loop.now()) {
    set_link_socket_options(fd_.get(), endpoint.address);
    readable_ = watch_fd(loop_.context(), fd_.get(), G_IO_IN, [this] { readable(); });
    if (tls_) shake_hands();
    loop_.at_end(*this);
}

LinkConnection::~LinkConnection() {
    in_flush_ = true;  // nobody is to be called any more
    if (session_.is_over()) write_some();
    close_socket();
}

// --- out

void LinkConnection::session_woke() {
    woke_ = true;
    if (!in_flush_) loop_.at_end(*this);
}

/// One round: what comes of it waits for the next turn, that the others have theirs.
void LinkConnection::flush() {
    Lifeline::Watch life(lifeline_);
    in_flush_ = true;
    woke_ = false;
    if (!session_.settle()) return;
    if (!writable_) write_some();
    if (session_.is_over()) {
        write_some();
        close_socket();
    }
    if (!session_.settle()) return;
    in_flush_ = false;
    tick_.set(session_.next_deadline());
    if (woke_) again_.set(loop_.now());
}

void LinkConnection::write_some() {
    const uint64_t enough = counters_.bytes_out + kShareBytes;
    while (fd_ && counters_.bytes_out < enough) {
        if (!(tls_ ? write_tls() : write_plain())) return;
    }
    woke_ = true;
}

/// False: nothing is left, or nothing more can be written now.
bool LinkConnection::write_plain() {
    std::array<iovec, kVectors> vectors;
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = session_.gather(vectors);
    if (message.msg_iovlen == 0) {
        writable_.reset();
        return false;
    }
    const ssize_t size = sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (!sent(size)) return false;
    session_.consume(static_cast<size_t>(size));
    return true;
}

/// What the handshake has to say goes before anything of the session's.
bool LinkConnection::write_tls() {
    if (tls_->output().empty() && phase_ == Phase::kOpen) {
        std::array<iovec, kVectors> vectors;
        const size_t used = session_.gather(vectors);
        session_.consume(tls_->write(std::span(vectors).first(used)));
        if (!tls_->failure().empty()) lost(LinkCode::kLinkLost, tls_->failure());
    }
    const Bytes output = tls_->output();
    if (output.empty()) {
        writable_.reset();
        return false;
    }
    const ssize_t size = send(fd_.get(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (!sent(size)) return false;
    tls_->consume(static_cast<size_t>(size));
    return true;
}

bool LinkConnection::sent(ssize_t size) {
    ++counters_.writes;
    if (size >= 0) {
        counters_.bytes_out += static_cast<uint64_t>(size);
        return true;
    }
    const int error = errno;
    if (is_temporary(error)) {
        wait_for_room();
    } else if (session_.is_over()) {
        close_socket();
    } else if (error != EPIPE && error != ECONNRESET) {
        lost(LinkCode::kLinkLost, std::strerror(error));
    } else {
        // What the peer said before it went can still be read, and says more.
        writable_.reset();
    }
    return false;
}

void LinkConnection::wait_for_room() {
    if (writable_) return;
    writable_ = watch_fd(loop_.context(), fd_.get(), G_IO_OUT, [this] {
        writable_.reset();
        loop_.at_end(*this);
    });
}

// --- in

void LinkConnection::readable() {
    Lifeline::Watch life(lifeline_);
    const uint64_t enough = counters_.bytes_in + kShareBytes;
    while (fd_ && !session_.is_over() && counters_.bytes_in < enough) {
        if (!(tls_ ? read_tls() : read_plain()) || life.is_cut()) return;
    }
}

/// False: there is nothing more now, or the connection has gone.
bool LinkConnection::read_plain() {
    const MutableBytes space = buffer_.space();
    const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (!received(size)) return false;
    buffer_.commit(static_cast<size_t>(size));
    if (!session_.receive(buffer_, loop_.now())) return false;
    return static_cast<size_t>(size) == space.size();
}

bool LinkConnection::read_tls() {
    const MutableBytes space = tls_->space();
    const ssize_t size = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
    if (!received(size)) return false;
    tls_->commit(static_cast<size_t>(size));
    if (phase_ == Phase::kHandshake) shake_hands();
    if (phase_ == Phase::kOpen && !take_decrypted()) return false;
    return static_cast<size_t>(size) == space.size();
}

/// False: nothing more is to be read, or the connection has gone.
bool LinkConnection::take_decrypted() {
    Lifeline::Watch life(lifeline_);
    while (!session_.is_over()) {
        size_t size = 0;
        const TlsSession::Step step = tls_->read(buffer_.space(), size);
        if (step == TlsSession::Step::kNeedsMore) return true;
        if (step == TlsSession::Step::kFailed) {
            lost(LinkCode::kLinkLost, tls_->failure());
            return false;
        }
        buffer_.commit(size);
        if (!session_.receive(buffer_, loop_.now()) || life.is_cut()) return false;
    }
    return false;
}

bool LinkConnection::received(ssize_t size) {
    ++counters_.reads;
    if (size > 0) {
        counters_.bytes_in += static_cast<uint64_t>(size);
        return true;
    }
    if (size < 0 && is_temporary(errno)) return false;
    // A process that dies with something unread resets its connections.
    const bool closed = size == 0 || errno == ECONNRESET;
    lost(LinkCode::kLinkLost, closed ? "the other end closed it" : std::strerror(errno));
    return false;
}

void LinkConnection::shake_hands() {
    const TlsSession::Step step = tls_->handshake();
    loop_.at_end(*this);
    if (step == TlsSession::Step::kNeedsMore) return;
    if (step == TlsSession::Step::kFailed) return lost(LinkCode::kRefused, tls_->failure());
    phase_ = Phase::kOpen;
    const std::string bad = tls_->judge_peer();
    if (!bad.empty()) session_.close({LinkCode::kRefused, bad});
}

// --- the end

void LinkConnection::lost(LinkCode code, const std::string& why) {
    const std::string who = session_.is_up() ? session_.peer_name() + " (" + where_ + ")" : where_;
    session_.lost({code, "the link with " + who + ": " + why});
}

void LinkConnection::close_socket() {
    readable_.reset();
    writable_.reset();
    phase_ = Phase::kClosed;
    if (fd_) close_gently(loop_.context(), std::exchange(fd_, {}));
}

void LinkConnection::tick() {
    session_.tick(loop_.now());
    loop_.at_end(*this);
}

}  // namespace colo
