// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/checkpoint_maker.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <stdexcept>

#include "packet/bytes.h"
#include "tests/bench/unix_client.h"

namespace colo::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kIntroductionMs = 5000;

}  // namespace

CheckpointMaker::CheckpointMaker(const std::string& path, bool vnet)
    : fd_(connect_to(path)), vnet_(vnet) {
    say("COLO_USERSPACE_PROXY_INIT");
    while (count("COLO_COMPARE_GET_XEN_INIT") == 0) {
        if (!read_more(kIntroductionMs)) throw std::runtime_error("notify_dev does not answer");
    }
}

uint64_t CheckpointMaker::wait_for_requests(uint64_t least, int patience_ms) {
    const auto end = Clock::now() + std::chrono::milliseconds(patience_ms);
    while (count("DO_CHECKPOINT") < least && Clock::now() < end) read_more(10);
    return count("DO_CHECKPOINT");
}

void CheckpointMaker::answer() { say("COLO_CHECKPOINT"); }

void CheckpointMaker::say(std::string_view message) {
    std::array<uint8_t, 8> prefix{};
    store_be32(prefix.data(), static_cast<uint32_t>(message.size()));
    std::string bytes(prefix.begin(), prefix.begin() + (vnet_ ? 8 : 4));
    bytes += message;
    if (send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
        throw std::runtime_error("notify_dev takes nothing");
    }
}

/// False: nothing came in time.
bool CheckpointMaker::read_more(int patience_ms) {
    pollfd readable{fd_.get(), POLLIN, 0};
    if (poll(&readable, 1, patience_ms) <= 0) return false;
    std::array<char, 4096> bytes;
    const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (size <= 0) throw std::runtime_error("notify_dev was closed");
    heard_.append(bytes.data(), static_cast<size_t>(size));
    return true;
}

size_t CheckpointMaker::count(std::string_view message) const {
    size_t count = 0;
    for (size_t at = heard_.find(message); at != std::string::npos; at = heard_.find(message, at + 1)) {
        ++count;
    }
    return count;
}

}  // namespace colo::bench
