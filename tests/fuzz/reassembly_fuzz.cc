// SPDX-License-Identifier: GPL-2.0-or-later
// A stream's segments in any order, whole and cut, with skips and resets, against a model that
// knows nothing but which positions have been seen.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <vector>

#include "fuzz_input.h"
#include "packet/frame.h"
#include "tcpstack/reassembler.h"

namespace colo::fuzz {
namespace {

constexpr uint32_t kSpace = 1u << 18;  ///< positions of a stream
constexpr size_t kMaxSteps = 128;
constexpr ReassemblyLimits kLimits{
    .segments_per_stream = 40, .bytes_per_stream = 300u << 10, .streams = 64};

Bytes bytes_at(uint32_t position, size_t size) {
    static const std::vector<uint8_t> stream = [] {
        std::vector<uint8_t> made(kSpace);
        for (uint32_t i = 0; i < kSpace; ++i) made[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
        return made;
    }();
    return Bytes(stream).subspan(position, size);
}

class CheckingSink final : public StreamSink {
  public:
    void deliver(Bytes bytes, const Frame* frame) override {
        FUZZ_CHECK(!bytes.empty());
        FUZZ_CHECK(bytes.size() <= kSpace - position);
        const Bytes expected = bytes_at(position, bytes.size());
        FUZZ_CHECK(std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0);
        position += static_cast<uint32_t>(bytes.size());
        if (!frame) return;
        FUZZ_CHECK(bytes.data() >= frame->data());
        FUZZ_CHECK(bytes.data() + bytes.size() <= frame->data() + frame->size());
    }
    uint32_t position = 0;
};

/// Disjoint stretches, none touching another: what runs for each byte under a sanitizer is slow.
class Model {
  public:
    void see(uint32_t position, uint32_t size) {
        uint32_t begin = std::max(position, next_);
        uint32_t end = position + size;
        if (begin >= end) return;
        auto at = ahead_.lower_bound(begin);
        if (at != ahead_.begin() && std::prev(at)->second >= begin) begin = (--at)->first;
        while (at != ahead_.end() && at->first <= end) {
            end = std::max(end, at->second);
            at = ahead_.erase(at);
        }
        ahead_.emplace(begin, end);
        advance();
    }
    void skip_to(uint32_t position) {
        next_ = std::max(next_, position);
        advance();
    }
    void reset(uint32_t position) {
        ahead_.clear();
        next_ = position;
    }
    uint32_t next() const { return next_; }
    bool has_bytes_ahead() const { return !ahead_.empty(); }

  private:
    void advance() {
        while (has_bytes_ahead() && ahead_.begin()->first <= next_) {
            next_ = std::max(next_, ahead_.begin()->second);
            ahead_.erase(ahead_.begin());
        }
    }

    std::map<uint32_t, uint32_t> ahead_;  ///< begin and end
    uint32_t next_ = 0;
};

class Run {
  public:
    explicit Run(Seq first) : first_(first), stream_(first) {}
    /// Leaves the reassembler as it was found.
    ~Run() {
        reassembler().reset(stream_, first_);
        FUZZ_CHECK(reassembler().counters().open == 0 && reassembler().queued_bytes() == 0);
    }

    /// Near the front of the stream, behind it or ahead.
    void push(uint32_t position, uint32_t size, uint32_t here) {
        const Frame frame = pool_.copy(bytes_at(position, here));
        const Segment segment{seq(position), size, frame.bytes(), &frame};
        const bool in_order = !stream_.reassembling() && position == model_.next() && here == size;
        const Arrival arrival = reassembler().push(stream_, segment, sink_);
        if (arrival == Arrival::kOverflow) {
            FUZZ_CHECK(position > model_.next());
        } else {
            FUZZ_CHECK((arrival == Arrival::kOld) == (position + size <= model_.next()));
            FUZZ_CHECK((arrival == Arrival::kInOrder) == in_order);
            model_.see(position, here);
        }
        check();
    }
    void skip_to(uint32_t position) {
        if (position > model_.next()) sink_.position = position;
        reassembler().skip_to(stream_, seq(position), sink_);
        model_.skip_to(position);
        check();
    }
    void reset(uint32_t position) {
        reassembler().reset(stream_, seq(position));
        model_.reset(position);
        sink_.position = position;
        check();
    }
    uint32_t next() const { return model_.next(); }

  private:
    /// One for all runs: libslirp's instances are dear to make.
    static Reassembler& reassembler() {
        static Reassembler instance(kLimits);
        return instance;
    }
    Seq seq(uint32_t position) const { return first_ + position; }

    void check() {
        FUZZ_CHECK(stream_.next() == seq(model_.next()));
        FUZZ_CHECK(sink_.position == model_.next());
        FUZZ_CHECK(stream_.reassembling() == model_.has_bytes_ahead());
        FUZZ_CHECK((reassembler().queued_bytes() > 0) == model_.has_bytes_ahead());
        FUZZ_CHECK(reassembler().queued_bytes() <= kLimits.bytes_per_stream);
        FUZZ_CHECK(reassembler().counters().open == (model_.has_bytes_ahead() ? 1 : 0));
    }

    static inline FramePool pool_;
    Seq first_;
    TcpStream stream_;
    Model model_;
    CheckingSink sink_;
};

/// Sizes that matter: few bytes, a segment's, a GSO frame's.
uint32_t size_of(uint8_t decision) {
    static constexpr uint32_t kUnits[] = {1, 7, 64, 256};
    return 1 + (decision >> 2) * kUnits[decision & 3];
}

void step(Run& run, FuzzInput& input) {
    const uint8_t what = input.byte();
    const uint32_t distance = size_of(input.byte()) - 1;
    const uint32_t next = run.next();
    if (next + (1u << 16) > kSpace) {
        run.reset(0);
        return;
    }
    switch (what & 7) {
        case 0:
            run.skip_to(next + distance);
            break;
        case 1:
            if (what == 1) run.reset(next + distance);
            break;
        default: {
            const bool behind = (what & 7) == 2;
            const uint32_t position = behind ? next - std::min(next, distance) : next + distance;
            const uint32_t size = size_of(input.byte());
            const uint32_t missing = (what & 0x78) == 0x78 ? size_of(input.byte()) : 0;
            run.push(position, size, size - std::min(size, missing));
        }
    }
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    const uint32_t first = static_cast<uint32_t>(input.word()) << 16;
    Run run(Seq(first ? 0u - (first >> 12) : 0));
    for (size_t i = 0; !input.empty() && i < kMaxSteps; ++i) step(run, input);
    return 0;
}
