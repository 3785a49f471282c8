// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/released_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace colo::bench {

namespace {

constexpr size_t kBufferSize = 1u << 20;
constexpr uint32_t kMaxLength = 4096 + 65536;

}  // namespace

ReleasedStream::ReleasedStream(int fd, const TcpTraffic& traffic, uint32_t flows,
                               std::function<void(uint32_t flow)> released)
    : fd_(fd), traffic_(traffic), released_(std::move(released)), next_(flows), buffer_(kBufferSize) {}

void ReleasedStream::read_all() {
    while (true) {
        const ssize_t size = recv(fd_, &buffer_[end_], buffer_.size() - end_, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size <= 0) throw std::runtime_error("outdev was closed");
        end_ += static_cast<size_t>(size);
        take_frames();
    }
}

void ReleasedStream::take_frames() {
    const uint32_t prefix = traffic_.prefix_size();
    while (end_ - begin_ >= prefix) {
        const uint32_t length = load_be32(&buffer_[begin_]);
        const uint32_t whole = length + (prefix > 4 ? 8 : 4);
        if (length > kMaxLength || whole < prefix) throw std::runtime_error("outdev: no frame");
        if (end_ - begin_ < whole) break;
        take({&buffer_[begin_ + prefix], whole - prefix});
        begin_ += whole;
    }
    std::memmove(buffer_.data(), &buffer_[begin_], end_ - begin_);
    end_ -= std::exchange(begin_, 0);
}

void ReleasedStream::take(Bytes frame) {
    const auto segment = traffic_.recognize(frame, static_cast<uint32_t>(next_.size()));
    if (!segment) {
        ++counters_.alien;
        return;
    }
    if (segment->is_syn) {
        ++counters_.syns;
    } else {
        ++counters_.frames;
        counters_.altered += !segment->is_unaltered;
        check_position(*segment);
    }
    released_(segment->flow);
}

void ReleasedStream::check_position(const ReleasedSegment& segment) {
    uint64_t& next = next_[segment.flow];
    if (segment.position < next) {
        ++counters_.out_of_order;
        return;
    }
    counters_.gaps += segment.position > next;
    next = segment.position + segment.size;
}

}  // namespace colo::bench
