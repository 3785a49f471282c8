// SPDX-License-Identifier: GPL-2.0-or-later
// Two VMs that say the same, cut up, repeated and reordered at random: all of it goes out and
// nobody asks for a checkpoint. One byte differs: it is found at its place and nothing from there
// on goes out.
#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <random>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

using Random = std::mt19937;

uint32_t below(Random& random, uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random);
}

struct Piece {
    uint32_t begin;  ///< relative, as in SegmentText: the first byte is 1
    uint32_t size;

    uint32_t end() const { return begin + size; }
    std::string text() const {
        return ". " + std::to_string(begin) + ":" + std::to_string(end()) + "(" +
               std::to_string(size) + ") ack 1";
    }
};

/// All of 1 .. size in order, some of it again, each piece up to `disorder` places from its own.
std::vector<Piece> cut_up(Random& random, uint32_t size, uint32_t disorder) {
    std::vector<Piece> pieces;
    for (uint32_t at = 1; at <= size;) {
        const uint32_t take = std::min(size + 1 - at, 1 + below(random, 40));
        pieces.push_back({at, take});
        at += take;
        if (below(random, 4) == 0) {
            const uint32_t begin = 1 + below(random, size);
            pieces.push_back({begin, std::min(size + 1 - begin, 1 + below(random, 60))});
        }
    }
    for (size_t i = 0; disorder > 0 && i < pieces.size(); ++i) {
        const size_t other = i + below(random, disorder + 1);
        if (other < pieces.size()) std::swap(pieces[i], pieces[other]);
    }
    return pieces;
}

class Vm {
  public:
    Vm(std::vector<Piece> pieces, uint32_t flipped)
        : pieces_(std::move(pieces)), flipped_(flipped) {}

    bool done() const { return at_ == pieces_.size(); }
    const std::vector<Piece>& pieces() const { return pieces_; }
    std::pair<std::string, ByteVector> next() {
        const Piece& piece = pieces_[at_++];
        ByteVector bytes = Tcp::stream(piece.begin, piece.size);
        if (flipped_ >= piece.begin && flipped_ < piece.end()) bytes[flipped_ - piece.begin] ^= 4;
        return {piece.text(), bytes};
    }

  private:
    std::vector<Piece> pieces_;
    uint32_t flipped_;  ///< 0: none
    size_t at_ = 0;
};

/// One run. What it does follows from its parts alone.
struct Run {
    Random random;
    Tcp tcp;
    uint32_t size;
    Vm primary;
    Vm secondary;
    CompareRig rig{small_config()};

    Run(uint32_t seed, uint32_t flipped_primary, uint32_t flipped_secondary, uint32_t bytes)
        : random(seed),
          tcp{.primary_isn = static_cast<uint32_t>(random()),
              .secondary_isn = static_cast<uint32_t>(random()),
              .client_isn = static_cast<uint32_t>(random())},
          size(bytes),
          primary(cut_up(random, size, below(random, 5)), flipped_primary),
          secondary(cut_up(random, size, below(random, 5)), flipped_secondary) {
        rig.open(tcp);
    }

    void go(uint32_t fence_one_in = 0) {
        const uint32_t bias = 1 + below(random, 9);
        while (!primary.done() || !secondary.done()) {
            const bool primary_speaks =
                secondary.done() || (!primary.done() && below(random, 10) < bias);
            const auto [text, bytes] = primary_speaks ? primary.next() : secondary.next();
            if (primary_speaks) {
                rig.p(tcp, text, bytes);
            } else {
                rig.s(tcp, text, bytes);
            }
            if (fence_one_in && below(random, fence_one_in) == 0) rig.fence(Fence::kReplay);
        }
    }
};

RC_GTEST_PROP(StreamProperty, EqualStreamsAreReleasedWithoutARequest, (uint32_t seed)) {
    Run run(seed, 0, 0, *rc::gen::inRange<uint32_t>(1, 800));
    run.go();
    Names expected;
    for (const Piece& piece : run.primary.pieces()) expected.push_back(piece.text());
    RC_ASSERT(run.rig.released() == expected);
    RC_ASSERT(run.rig.requests() == Names{});
    RC_ASSERT(run.rig.flow().verified == run.size);
    RC_ASSERT(run.rig.comparator().holds_nothing());
    RC_ASSERT(run.rig.comparator().queued().bytes() == 0);
}

RC_GTEST_PROP(StreamProperty, OneDifferentByteIsFoundAtItsPlace, (uint32_t seed)) {
    const uint32_t size = *rc::gen::inRange<uint32_t>(1, 800);
    const uint32_t at = *rc::gen::inRange<uint32_t>(1, size + 1);
    const bool in_primary = *rc::gen::arbitrary<bool>();
    Run run(seed, in_primary ? at : 0, in_primary ? 0 : at, size);
    run.go();
    RC_ASSERT(run.rig.requests() == Names{"divergence tcp:80@" + std::to_string(at - 1)});
    for (const auto& text : run.rig.released()) {
        const SegmentText segment(text);
        RC_ASSERT(segment.begin + segment.size <= at);
    }
    RC_ASSERT(run.rig.flow().verified == at - 1);
    run.rig.fence();
    RC_ASSERT(run.rig.comparator().holds_nothing());
}

RC_GTEST_PROP(StreamProperty, ReplaysFencesLoseNothing, (uint32_t seed)) {
    Run run(seed, 0, 0, *rc::gen::inRange<uint32_t>(1, 800));
    run.go(*rc::gen::inRange<uint32_t>(2, 30));
    run.rig.fence(Fence::kReplay);
    Names released = run.rig.released();
    Names expected;
    for (const Piece& piece : run.primary.pieces()) expected.push_back(piece.text());
    RC_ASSERT(released == expected);
    RC_ASSERT(run.rig.requests() == Names{});
    RC_ASSERT(run.rig.flow().verified == run.size);
    run.rig.both(run.tcp, "F. " + std::to_string(run.size + 1) + ":" +
                              std::to_string(run.size + 1) + "(0) ack 1");
    RC_ASSERT(run.rig.released().size() == 1u);
}

RC_GTEST_PROP(DatagramProperty, EqualOnesInAnyOrderAreReleasedInThePrimarys, (uint32_t seed)) {
    Random random(seed);
    CompareRig rig;
    Names primary;
    for (uint32_t i = *rc::gen::inRange<uint32_t>(1, 60); i > 0; --i) {
        primary.push_back(std::to_string(below(random, 8)));
    }
    Names secondary = primary;
    std::shuffle(secondary.begin(), secondary.end(), random);
    size_t p = 0;
    size_t s = 0;
    while (p < primary.size() || s < secondary.size()) {
        if (s == secondary.size() || (p < primary.size() && below(random, 2))) {
            rig.p(Udp{}, primary[p++]);
        } else {
            rig.s(Udp{}, secondary[s++]);
        }
    }
    rig.pass_time(milliseconds(20));
    RC_ASSERT(rig.released() == primary);
    RC_ASSERT(rig.requests() == Names{});
    RC_ASSERT(rig.comparator().queued().secondary_frames == 0u);
}

}  // namespace
}  // namespace colo::test
