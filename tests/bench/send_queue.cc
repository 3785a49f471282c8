// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/send_queue.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace colo::bench {

bool SendQueue::flush() {
    while (sent_ < bytes_.size()) {
        const ssize_t size = send(fd_, &bytes_[sent_], bytes_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (size < 0) throw std::system_error(errno, std::generic_category(), "send");
        sent_ += static_cast<size_t>(size);
    }
    bytes_.clear();
    sent_ = 0;
    return true;
}

}  // namespace colo::bench
