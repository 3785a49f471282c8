// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/blocking_stream.h"

#include <utility>

namespace colo {

BlockingStream::BlockingStream(EventLoop& loop, std::unique_ptr<Stream> stream)
    : loop_(loop), stream_(std::move(stream)) {
    stream_->set_user(this);
}

bool BlockingStream::write(Bytes bytes) {
    wait_until([&] {
        bytes = bytes.subspan(stream_->write(bytes));
        return bytes.empty();
    });
    return bytes.empty() && !stream_->is_over();
}

size_t BlockingStream::read(MutableBytes into) {
    wait_until([&] { return !stream_->peek().empty() || stream_->at_end(); });
    return stream_->read(into);
}

const LinkStatus& BlockingStream::close() {
    stream_->finish();
    wait_until([&] {
        stream_->consume(stream_->peek().size());
        return false;
    });
    return stream_->status();
}

}  // namespace colo
