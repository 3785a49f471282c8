// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "stream_rig.h"

namespace colo {
namespace {

struct Outcome {
    Texts frames;  ///< "front/data"
    FramingError error = FramingError::kNone;
    size_t pending = 0;

    bool operator==(const Outcome&) const = default;
};

void feed(ReceiveBuffer& buffer, const std::string& bytes) {
    const MutableBytes space = buffer.space();
    ASSERT_GE(space.size(), bytes.size());
    std::ranges::copy(bytes, space.begin());
    buffer.commit(bytes.size());
}

void take_all(ReceiveBuffer& buffer, Framing framing, Outcome& outcome) {
    while (Frame frame = next_frame(buffer, framing, outcome.error)) {
        outcome.frames.push_back(to_text(frame.front()) + "/" + to_text(frame.bytes()));
    }
    outcome.pending = buffer.pending().size();
}

Outcome decode(Framing framing, const Texts& pieces) {
    FramePool pool;
    ReceiveBuffer buffer(pool);
    Outcome outcome;
    for (const std::string& piece : pieces) {
        feed(buffer, piece);
        take_all(buffer, framing, outcome);
    }
    return outcome;
}

const std::string kFront10(10, 'v');
const std::string kFront12(12, 'v');
const std::string kFront20(20, 'v');

struct Case {
    const char* what;
    Framing framing;
    std::string input;
    Outcome outcome;
};

TEST(FrameDecoder, ReadsQemusFraming) {
    constexpr Framing kPlain = Framing::kPlain;
    constexpr Framing kVnet = Framing::kVnet;
    const std::string largest(kMaxFrameBytes, 'x');
    const std::string large(kMaxFrameBytes - 12, 'x');
    using E = FramingError;
    const Case cases[] = {
        {"nothing", kPlain, "", {}},
        {"one", kPlain, plain("abc"), {{"/abc"}, E::kNone, 0}},
        {"two", kPlain, plain("a") + plain("bc"), {{"/a", "/bc"}, E::kNone, 0}},
        {"half a length", kPlain, plain("a") + be32(7).substr(0, 2), {{"/a"}, E::kNone, 2}},
        {"a length only", kPlain, be32(7), {{}, E::kNone, 4}},
        {"cut", kPlain, plain("abc").substr(0, 6), {{}, E::kNone, 6}},
        {"the largest", kPlain, plain(largest), {{"/" + largest}, E::kNone, 0}},
        {"zero", kPlain, plain("a") + be32(0), {{"/a"}, E::kZeroLength, 4}},
        {"one too long", kPlain, be32(kMaxFrameBytes + 1), {{}, E::kTooLong, 4}},
        {"very much too long", kPlain, be32(0xffffffff), {{}, E::kTooLong, 4}},
        {"after an error nothing", kPlain, be32(0) + plain("a"), {{}, E::kZeroLength, 9}},
        {"no vnet header", kVnet, vnet("", "abc"), {{"/abc"}, E::kNone, 0}},
        {"10", kVnet, vnet(kFront10, "a"), {{kFront10 + "/a"}, E::kNone, 0}},
        {"12", kVnet, vnet(kFront12, "a"), {{kFront12 + "/a"}, E::kNone, 0}},
        {"20", kVnet, vnet(kFront20, "a"), {{kFront20 + "/a"}, E::kNone, 0}},
        {"nothing but the header", kVnet, vnet(kFront12, ""), {{kFront12 + "/"}, E::kNone, 0}},
        {"the largest with a header", kVnet, vnet(kFront12, large),
         {{kFront12 + "/" + large}, E::kNone, 0}},
        {"length of the header cut", kVnet, vnet("", "abc").substr(0, 7), {{}, E::kNone, 7}},
        {"header longer than the frame", kVnet, be32(11) + be32(12), {{}, E::kVnetTooLong, 8}},
        {"an odd header", kVnet, vnet("12345678901", "a"), {{}, E::kVnetUnknown, 20}},
        {"zero before the header", kVnet, be32(0) + be32(0), {{}, E::kZeroLength, 8}},
        {"zero, without waiting for more", kVnet, be32(0), {{}, E::kZeroLength, 4}},
        {"too long with a header", kVnet, be32(kMaxFrameBytes + 1) + be32(12),
         {{}, E::kTooLong, 8}},
        {"the header's length is a lie", kVnet, be32(100) + be32(0xffffffff),
         {{}, E::kVnetTooLong, 8}},
    };
    for (const Case& c : cases) EXPECT_EQ(decode(c.framing, {c.input}), c.outcome) << c.what;
}

TEST(FrameDecoder, WhereTheStreamIsCutDoesNotMatter) {
    const std::string input = vnet(kFront12, "first") + vnet("", "2") + vnet(kFront10, "third!");
    const Outcome whole = decode(Framing::kVnet, {input});
    ASSERT_EQ(whole.frames.size(), 3u);
    for (size_t i = 0; i <= input.size(); ++i) {
        for (size_t j = i; j <= input.size(); ++j) {
            const Texts pieces = {input.substr(0, i), input.substr(i, j - i), input.substr(j)};
            ASSERT_EQ(decode(Framing::kVnet, pieces), whole) << i << " " << j;
        }
    }
}

TEST(FrameDecoder, FramesLieWhereTheyWereReceived) {
    FramePool pool;
    ReceiveBuffer buffer(pool);
    feed(buffer, vnet(kFront12, "abc"));
    const uint8_t* const at = buffer.pending().data();
    FramingError error = FramingError::kNone;
    const Frame frame = next_frame(buffer, Framing::kVnet, error);
    EXPECT_EQ(frame.front().data(), at + 8);
    EXPECT_EQ(frame.data(), at + 20);
    EXPECT_EQ(to_text({frame.front().data() - 8, 8}), be32(15) + be32(12));
}

}  // namespace
}  // namespace colo
