// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/frame_crossing.h"

#include <cstring>

namespace colo {

CrossedFrames::Header CrossedFrames::header() const {
    Header header;
    std::memcpy(&header, bytes_.data() + next_, sizeof header);
    return header;
}

CrossedFrames::Frame CrossedFrames::first() const {
    const Header found = header();
    const uint8_t* at = bytes_.data() + next_ + sizeof found;
    return {{at, found.front}, {at + found.front, found.size - found.front}};
}

size_t CrossedFrames::cost() const { return sizeof(Header) + header().size; }

void CrossedFrames::remove_first() { next_ += cost(); }

FrameCrossing::Put FrameCrossing::put(std::span<const iovec> pieces, size_t size, size_t front) {
    const CrossedFrames::Header header{static_cast<uint32_t>(size), static_cast<uint32_t>(front)};
    const size_t cost = sizeof header + size;
    const std::lock_guard lock(mutex_);
    if (const size_t pending = pending_.load(std::memory_order_relaxed); pending > 0 && pending + cost > most_bytes_) {
        ++counters_.refused;
        return Put::kRefused;
    }
    pending_.fetch_add(cost, std::memory_order_relaxed);
    ++counters_.frames;
    const bool is_first = filling_.empty();
    const auto* head = reinterpret_cast<const uint8_t*>(&header);
    filling_.insert(filling_.end(), head, head + sizeof header);
    for (const iovec& piece : pieces) {
        const auto* at = static_cast<const uint8_t*>(piece.iov_base);
        filling_.insert(filling_.end(), at, at + piece.iov_len);
    }
    return is_first ? Put::kFirst : Put::kAdded;
}

bool FrameCrossing::take(CrossedFrames& into) {
    into.bytes_.clear();
    into.next_ = 0;
    if (into.bytes_.capacity() > kMostIdleBytes) std::vector<uint8_t>().swap(into.bytes_);
    const std::lock_guard lock(mutex_);
    if (filling_.empty()) return false;
    filling_.swap(into.bytes_);
    ++counters_.batches;
    return true;
}

FrameCrossing::Counters FrameCrossing::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

}  // namespace colo
