// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_forward.h"

#include <utility>

namespace colo {

StreamForward::StreamForward(EventLoop& loop, std::unique_ptr<Stream> stream, const ListenAddress& target,
                             std::string what, StreamPump::Done done)
    : loop_(loop),
      stream_(std::move(stream)),
      target_(target),
      what_(std::move(what)),
      done_(std::move(done)) {
    stream_->set_user(this);
    // Not at once: whoever offers the stream does not expect its end within.
    beginning_ = after(loop_.context(), 0, [this] { connect(); });
}

void StreamForward::connect() {
    beginning_.reset();
    connecting_ = std::make_unique<SocketConnector>(
        loop_.context(), target_,
        [this](FileDescriptor fd, const std::string& error) { connected(std::move(fd), error); });
    connecting_->begin();
}

void StreamForward::connected(FileDescriptor fd, const std::string& error) {
    connecting_.reset();
    if (!fd) return cancel({LinkCode::kFailed, "cannot connect to " + what_ + ": " + error});
    pump_ = std::make_unique<StreamPump>(loop_, std::move(stream_), std::move(fd), what_, std::move(done_));
}

void StreamForward::cancel(const LinkStatus& why) {
    if (pump_) return pump_->cancel(why);
    if (ending_) return;
    stream_->abort(why);
    beginning_.reset();
    connecting_.reset();
    ending_ = after(loop_.context(), 0, [this, why] { end(why); });
}

void StreamForward::stream_over(Stream&, const LinkStatus& status) { end(status); }

void StreamForward::end(const LinkStatus& status) {
    const StreamPump::Done done = std::move(done_);
    done(status);
}

}  // namespace colo
