// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "io/ring.h"
#include "io/system_failure.h"
#include "tests/bench/link/floors.h"

namespace colo::bench {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
/// Under way at most: what a slower line would have no room for waits at its sender.
constexpr size_t kMostUnderWay = 64u << 20;
/// A slice of a message on a line with a rate: what a packet is to a network.
constexpr size_t kSliceBytes = 9000;

class Direction {
  public:
    Direction(int from, int to, double delay, double rate) : from_(from), to_(to), delay_(delay), rate_(rate) {}

    /// With a rate nothing is taken in before what is ahead of it has gone: that waits at the sender.
    bool reads(double time) const { return under_way_ < kMostUnderWay && (rate_ == 0 || free_at_ <= time); }
    bool writes(double time) const { return !queue_.empty() && queue_[0].due <= time; }
    /// When that changes by itself.
    double next(double time) const {
        const double due = queue_.empty() || writes(time) ? kNever : queue_[0].due;
        return rate_ == 0 || free_at_ <= time ? due : std::min(due, free_at_);
    }

    /// False: it has ended.
    bool read_some() {
        Slice& slice = queue_.push();
        slice.bytes.resize(rate_ == 0 ? kBlockBytes : kSliceBytes);
        const ssize_t size = read(from_, slice.bytes.data(), slice.bytes.size());
        if (size <= 0) return false;
        slice.bytes.resize(static_cast<size_t>(size));
        under_way_ += slice.bytes.size();
        const double begin = std::max(now(), free_at_);
        free_at_ = rate_ == 0 ? begin : begin + static_cast<double>(size) / rate_;
        slice.due = free_at_ + delay_;
        return true;
    }
    bool write_some() {
        Slice& slice = queue_.front();
        const ssize_t size = write(to_, slice.bytes.data() + slice.sent, slice.bytes.size() - slice.sent);
        if (size < 0) return errno == EAGAIN;
        slice.sent += static_cast<size_t>(size);
        under_way_ -= static_cast<size_t>(size);
        if (slice.sent == slice.bytes.size()) queue_.pop();
        return true;
    }

    int from() const { return from_; }
    int to() const { return to_; }

  private:
    struct Slice {
        double due = 0;
        size_t sent = 0;
        std::vector<uint8_t> bytes;
    };

    const int from_;
    const int to_;
    const double delay_;
    const double rate_;
    double free_at_ = 0;
    size_t under_way_ = 0;
    Ring<Slice> queue_;
};

timespec between(double time, double when) {
    const double wait = std::clamp(when - time, 0.0, 1.0);
    return {0, static_cast<long>(std::min(wait * 1e9, 999'999'999.0))};
}

/// False: one end has gone.
bool serve(std::array<Direction, 2>& directions) {
    std::array<pollfd, 4> fds;
    // One time for all questions: between two of them what was not yet due would be forgotten.
    const double time = now();
    double wake = kNever;
    for (size_t i = 0; i < 2; ++i) {
        const Direction& one = directions[i];
        fds[2 * i] = {one.reads(time) ? one.from() : -1, POLLIN, 0};
        fds[2 * i + 1] = {one.writes(time) ? one.to() : -1, POLLOUT, 0};
        wake = std::min(wake, one.next(time));
    }
    const timespec wait = between(time, wake);
    if (ppoll(fds.data(), fds.size(), &wait, nullptr) < 0) throw_errno("poll");
    for (size_t i = 0; i < 2; ++i) {
        if (fds[2 * i].revents != 0 && !directions[i].read_some()) return false;
        if (fds[2 * i + 1].revents != 0 && !directions[i].write_some()) return false;
    }
    return true;
}

}  // namespace

void slow_line(int a, int b, double delay_seconds, double bytes_a_second) {
    prctl(PR_SET_TIMERSLACK, 1);
    for (const int fd : {a, b}) fcntl(fd, F_SETFL, O_NONBLOCK);
    std::array<Direction, 2> directions = {Direction(a, b, delay_seconds, bytes_a_second),
                                           Direction(b, a, delay_seconds, bytes_a_second)};
    while (serve(directions)) {
    }
}

}  // namespace colo::bench
