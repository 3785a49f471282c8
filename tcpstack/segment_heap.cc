// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/segment_heap.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace colo {

namespace {

bool ends_after(const QueuedSegment& a, const QueuedSegment& b) {
    return a.end() > b.end();
}

}  // namespace

void SegmentHeap::push(QueuedSegment segment) {
    bytes_ += segment.size;
    segments_.push_back(std::move(segment));
    std::push_heap(segments_.begin(), segments_.end(), ends_after);
}

QueuedSegment SegmentHeap::pop() {
    std::pop_heap(segments_.begin(), segments_.end(), ends_after);
    QueuedSegment segment = std::move(segments_.back());
    segments_.pop_back();
    bytes_ -= segment.size;
    return segment;
}

void SegmentHeap::drop_through(Seq position) {
    while (!empty() && top().end() <= position) pop();
}

void SegmentHeap::absorb(SegmentHeap& other) {
    std::move(other.segments_.begin(), other.segments_.end(), std::back_inserter(segments_));
    bytes_ += other.bytes_;
    other.clear();
    std::make_heap(segments_.begin(), segments_.end(), ends_after);
}

std::vector<QueuedSegment> SegmentHeap::take_last_first() {
    std::sort_heap(segments_.begin(), segments_.end(), ends_after);
    bytes_ = 0;
    return std::exchange(segments_, {});
}

void SegmentHeap::clear() {
    segments_.clear();
    if (segments_.capacity() > kKeptSegments) segments_.shrink_to_fit();
    bytes_ = 0;
}

}  // namespace colo
