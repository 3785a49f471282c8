// SPDX-License-Identifier: GPL-2.0-or-later
// Random loads against a model that knows nothing but bytes: which positions have been seen.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "stream_harness.h"

namespace colo::test {
namespace {

/// A stream of `size` bytes that begins at `first`, and the segments that come in.
struct Load {
    struct Piece {
        uint32_t position;
        uint32_t size;
        uint32_t here;  ///< captured
    };

    uint32_t first;
    uint32_t size;
    std::vector<Piece> pieces;
};

using Random = std::mt19937;

uint32_t below(Random& random, uint32_t limit) {
    return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random);
}

/// Sizes as they occur: tiny, below an MSS, an MSS, some of a GSO burst, a whole one.
uint32_t segment_size(Random& random) {
    switch (below(random, 10)) {
        case 0:
            return 1 + below(random, 8);
        case 1:
        case 2:
            return 1 + below(random, 1448);
        case 3:
            return 1 + below(random, 65483);
        case 4:
            return 65483;
        default:
            return 1448;
    }
}

/// Anywhere, shortly before 2^32, so that the wrap lies at a segment's edge, and at 0.
uint32_t first_seq(Random& random, const std::vector<Load::Piece>& pieces) {
    switch (below(random, 4)) {
        case 0:
            return 0;
        case 1:
            return 0u - pieces[below(random, static_cast<uint32_t>(pieces.size()))].position;
        case 2:
            return 0u - below(random, 100000);
        default:
            return random();
    }
}

/// Each piece moves up to `reach` places back.
void reorder(Random& random, std::vector<Load::Piece>& pieces, uint32_t reach) {
    for (size_t i = 0; i < pieces.size(); ++i)
        if (below(random, 3) == 0)
            std::swap(pieces[i], pieces[std::min(pieces.size() - 1, i + below(random, reach + 1))]);
}

void repeat_and_overlap(Random& random, Load& load) {
    std::vector<Load::Piece> more;
    for (const auto& piece : load.pieces) {
        more.push_back(piece);
        if (below(random, 4) != 0) continue;
        const uint32_t from = piece.position - std::min(piece.position, below(random, 4000));
        const uint32_t size = std::min(load.size - from, 1 + below(random, 8000));
        more.push_back({from, size, size});
    }
    load.pieces = std::move(more);
}

void log(const Load& load) {
    std::ostringstream text;
    text << "first " << load.first << ", " << load.size << " bytes:";
    for (const auto& piece : load.pieces)
        text << ' ' << piece.position << '+' << piece.size << '(' << piece.here << ')';
    RC_LOG(text.str());
}

/// Any number, from the first case on; a smaller one would not be a simpler load.
Random any_random() {
    return Random(
        *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<uint32_t>())));
}

Load make_load(Random& random) {
    Load load{};
    const uint32_t count = 1 + below(random, 60);
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t size = segment_size(random);
        load.pieces.push_back({load.size, size, size});
        load.size += size;
    }
    load.first = first_seq(random, load.pieces);
    repeat_and_overlap(random, load);
    reorder(random, load.pieces, 1 + below(random, 30));
    log(load);
    return load;
}

/// Cuts some pieces; the cut ones come again, whole, at the end.
void cut_some(Random& random, Load& load) {
    const size_t count = load.pieces.size();
    for (size_t i = 0; i < count; ++i) {
        if (below(random, 4) != 0) continue;
        load.pieces.push_back(load.pieces[i]);
        load.pieces[i].here = below(random, load.pieces[i].size);
    }
}

class Model {
  public:
    explicit Model(const Load& load) : seen_(load.size + 1) {}

    void see(const Load::Piece& piece) {
        for (uint32_t i = 0; i < piece.here; ++i) see_byte(piece.position + i);
        advance();
    }
    void skip_to(uint32_t position) {
        while (next_ < position) {
            if (seen_[next_]) --ahead_;
            ++next_;
        }
        advance();
    }
    uint32_t next() const { return next_; }
    bool has_bytes_ahead() const { return ahead_ > 0; }

  private:
    void see_byte(uint32_t position) {
        if (position < next_ || seen_[position]) return;
        seen_[position] = true;
        ++ahead_;
    }
    void advance() {
        for (; seen_[next_]; ++next_) --ahead_;
    }

    std::vector<bool> seen_;
    uint32_t next_ = 0;
    uint32_t ahead_ = 0;
};

Arrival expected(const Model& before, bool reassembling, const Load::Piece& piece) {
    if (piece.position + piece.size <= before.next()) return Arrival::kOld;
    if (!reassembling && piece.position == before.next() && piece.here == piece.size)
        return Arrival::kInOrder;
    return Arrival::kQueued;
}

void check_against(const Model& model, StreamHarness& harness) {
    RC_ASSERT(harness.stream.next().raw() == harness.seq(model.next()).raw());
    RC_ASSERT(harness.sink.position == model.next());
    RC_ASSERT(harness.sink.wrong_bytes == 0u);
    RC_ASSERT(harness.sink.outside_frame == 0u);
    RC_ASSERT(harness.stream.reassembling() == model.has_bytes_ahead());
    RC_ASSERT((harness.reassembler.queued_bytes() > 0) == model.has_bytes_ahead());
}

/// Pushes all pieces; after each, stream and model agree.
void run(const Load& load, Model& model, StreamHarness& harness) {
    for (const auto& piece : load.pieces) {
        const Arrival want = expected(model, harness.stream.reassembling(), piece);
        RC_ASSERT(harness.push_cut(piece.position, piece.size, piece.here) == want);
        model.see(piece);
        check_against(model, harness);
    }
}

TEST(ReassemblerProperty, AnySegmentationGivesTheStreamOnceAndInOrder) {
    EXPECT_TRUE(rc::check("whole", [] {
        Random random = any_random();
        const Load load = make_load(random);
        StreamHarness harness{Seq(load.first)};
        Model model(load);
        run(load, model, harness);
        RC_ASSERT(harness.sink.delivered == load.size);
        RC_ASSERT(!harness.stream.reassembling());
    }));
}

TEST(ReassemblerProperty, CutSegmentsLeaveGapsThatLaterOnesFill) {
    EXPECT_TRUE(rc::check("cut", [] {
        Random random = any_random();
        Load load = make_load(random);
        cut_some(random, load);
        StreamHarness harness{Seq(load.first)};
        Model model(load);
        run(load, model, harness);
        RC_ASSERT(harness.sink.delivered == load.size);
        RC_ASSERT(!harness.stream.reassembling());
    }));
}

/// Some pieces never come; now and then the stream is told to go on without them.
TEST(ReassemblerProperty, SkippingKeepsAllThatWasQueuedBeyond) {
    EXPECT_TRUE(rc::check("skip", [] {
        Random random = any_random();
        const Load load = make_load(random);
        StreamHarness harness{Seq(load.first)};
        Model model(load);
        for (const auto& piece : load.pieces) {
            if (below(random, 5) != 0) run({load.first, load.size, {piece}}, model, harness);
            if (below(random, 10) != 0) continue;
            const uint32_t position = model.next() + below(random, load.size - model.next() + 1);
            harness.skip_to(position);
            model.skip_to(position);
            check_against(model, harness);
        }
    }));
}

/// Records what came for each position.
class RecordingSink final : public StreamSink {
  public:
    void deliver(Bytes bytes, const Frame*) override {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    }
    std::vector<uint8_t> stream;
};

TEST(ReassemblerProperty, ConflictingOverlapsGiveOneOfTheBytesSent) {
    EXPECT_TRUE(rc::check("conflict", [] {
        Random random = any_random();
        const Load load = make_load(random);
        StreamHarness harness{Seq(load.first)};
        RecordingSink sink;
        // Each piece is filled with its number.
        RC_ASSERT(load.pieces.size() < 256u);
        for (size_t i = 0; i < load.pieces.size(); ++i) {
            const auto& piece = load.pieces[i];
            harness.push_bytes(piece.position,
                               std::vector<uint8_t>(piece.size, static_cast<uint8_t>(i)),
                               piece.size, sink);
        }
        RC_ASSERT(sink.stream.size() == load.size);
        uint32_t strangers = 0;
        for (uint32_t i = 0; i < load.size; ++i) {
            const auto& piece = load.pieces.at(sink.stream[i]);
            strangers += i < piece.position || i >= piece.position + piece.size;
        }
        RC_ASSERT(strangers == 0u);
        RC_ASSERT(!harness.stream.reassembling());
    }));
}

}  // namespace
}  // namespace colo::test
