// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 1 and 2: FIN and RST.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

/// What two VMs say, and what is asked for. "!" in front: the secondary speaks.
struct Script {
    const char* name;
    std::vector<const char*> segments;
    Names requests;
    Names released;
};

void run(const Script& script) {
    SCOPED_TRACE(script.name);
    CompareRig rig;
    rig.open(web);
    for (const std::string text : script.segments) {
        if (text[0] == '!') {
            rig.s(web, text.substr(1));
        } else {
            rig.p(web, text);
        }
    }
    EXPECT_EQ(rig.requests(), script.requests);
    EXPECT_EQ(rig.released(), script.released);
}

TEST(Fin, GoesWithItsTwinAtTheSamePosition) {
    const Script scripts[] = {
        {"primary first", {"F. 1:1(0) ack 1", "!F. 1:1(0) ack 1"}, {}, {"F. 1:1(0) ack 1"}},
        {"secondary first", {"!F. 1:1(0) ack 1", "F. 1:1(0) ack 1"}, {}, {"F. 1:1(0) ack 1"}},
        {"on payload, and alone",
         {"F. 1:11(10) ack 1", "!. 1:11(10) ack 1", "!F. 11:11(0) ack 1"},
         {},
         {"F. 1:11(10) ack 1"}},
        {"alone, and on payload",
         {". 1:11(10) ack 1", "F. 11:11(0) ack 1", "!F. 1:11(10) ack 1"},
         {},
         {". 1:11(10) ack 1", "F. 11:11(0) ack 1"}},
        {"payload only, so far", {"F. 1:11(10) ack 1", "!. 1:11(10) ack 1"}, {}, {}},
        {"retransmitted",
         {"F. 1:1(0) ack 1", "F. 1:1(0) ack 1", "!F. 1:1(0) ack 1"},
         {},
         {"F. 1:1(0) ack 1", "F. 1:1(0) ack 1"}},
        {"secondary's behind a gap",
         {"F. 1:11(10) ack 1", "!F. 6:11(5) ack 1", "!. 1:6(5) ack 1"},
         {},
         {"F. 1:11(10) ack 1"}},
        {"the last ack, behind it",
         {"F. 1:1(0) ack 1", "!F. 1:1(0) ack 2", ". 2:2(0) ack 2"},
         {},
         {"F. 1:1(0) ack 1", ". 2:2(0) ack 2"}},
    };
    for (const Script& script : scripts) run(script);
}

TEST(Fin, WhereTheOtherHasPayloadIsADivergence) {
    const Script scripts[] = {
        {"primary ends early, secondary first",
         {"!. 1:11(10) ack 1", "F. 1:6(5) ack 1"},
         {"divergence tcp:80@5"},
         {}},
        {"primary ends early, primary first",
         {"F. 1:6(5) ack 1", "!. 1:11(10) ack 1"},
         {"divergence tcp:80@5"},
         {}},
        {"secondary ends early, secondary first",
         {"!F. 1:6(5) ack 1", ". 1:11(10) ack 1"},
         {"divergence tcp:80@5"},
         {}},
        {"secondary ends early, primary first",
         {". 1:11(10) ack 1", "!F. 1:6(5) ack 1"},
         {"divergence tcp:80@5"},
         {}},
        {"two places", {"F. 1:1(0) ack 1", "!F. 11:11(0) ack 1"}, {"divergence tcp:80@0"}, {}},
        {"at once, without bytes before",
         {"F. 1:1(0) ack 1", "!. 1:11(10) ack 1"},
         {"divergence tcp:80@0"},
         {}},
        {"what is in front still goes",
         {". 1:6(5) ack 1", ". 6:11(5) ack 1", "!F. 1:6(5) ack 1"},
         {"divergence tcp:80@5"},
         {". 1:6(5) ack 1"}},
    };
    for (const Script& script : scripts) run(script);
}

TEST(Rst, OneOfTheSecondaryCoversAllOfThePrimary) {
    const Script scripts[] = {
        {"waits", {"R. 1:1(0) ack 1"}, {}, {}},
        {"same place", {"R. 1:1(0) ack 1", "!R. 1:1(0) ack 1"}, {}, {"R. 1:1(0) ack 1"}},
        {"many",
         {"!R. 1:1(0) ack 1", "R. 1:1(0) ack 1", "R 1:1(0)", "R 500:500(0)"},
         {},
         {"R. 1:1(0) ack 1", "R 1:1(0)", "R 500:500(0)"}},
        {"ack of it is not compared",
         {"R. 1:1(0) ack 900", "!R 1:1(0)"},
         {},
         {"R. 1:1(0) ack 900"}},
        {"payload of it is not compared",
         {"R. 1:11(10) ack 1", "!R 1:1(0)", "R 11:11(0)"},
         {},
         {"R. 1:11(10) ack 1", "R 11:11(0)"}},
        {"answers to client segments have its numbers",
         {"R 77:77(0)", "!R 33:33(0)"},
         {},
         {"R 77:77(0)"}},
    };
    for (const Script& script : scripts) run(script);
}

TEST(Rst, WhereTheOtherHasPayloadIsADivergence) {
    const Script scripts[] = {
        {"primary resets, secondary goes on",
         {"R. 1:1(0) ack 1", "!. 1:11(10) ack 1"},
         {"divergence tcp:80@0"},
         {}},
        {"secondary went on, primary resets",
         {"!. 1:11(10) ack 1", "R. 1:1(0) ack 1"},
         {"divergence tcp:80@0"},
         {}},
        {"secondary resets, primary goes on",
         {"!R. 1:1(0) ack 1", ". 1:11(10) ack 1"},
         {"divergence tcp:80@0"},
         {}},
        {"primary went on, secondary resets",
         {". 1:11(10) ack 1", "!. 1:6(5) ack 1", "!R. 6:6(0) ack 1"},
         {"divergence tcp:80@5"},
         {}},
    };
    for (const Script& script : scripts) run(script);
}

TEST(Rst, OfThePrimaryAloneTimesOut) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, "R. 1:1(0) ack 1");
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@0"});
    rig.fence();
    EXPECT_EQ(rig.released(), Names{"R. 1:1(0) ack 1"});
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
}

TEST(Rst, OfAClosedPortIsCompared) {
    CompareRig rig;
    const Tcp closed{.primary_isn = 0, .secondary_isn = 0};
    rig.p(closed, "R. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(closed, "R. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"R. 0:0(0) ack 1"});
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
}

TEST(Rst, AgainstSynAckIsADivergence) {
    for (const bool primary_first : {true, false}) {
        CompareRig rig;
        const Tcp tcp{.secondary_isn = 0};
        if (primary_first) rig.p(tcp, "S. 0:0(0) ack 1");
        rig.s(tcp, "R. 0:0(0) ack 1");
        if (!primary_first) rig.p(tcp, "S. 0:0(0) ack 1");
        EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@0"});
        EXPECT_EQ(rig.released(), Names{});
    }
}

// --- What ends do to the flow (semantics.md, 4)

TEST(Closing, FinBothWaysClosesWhenTheGuestAcknowledges) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, "F. 1:1(0) ack 1");
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
    rig.client(web, "F. 1:1(0) ack 2");
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
    rig.both(web, ". 2:2(0) ack 2");
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
}

TEST(Closing, FinOfTheClientFirst) {
    CompareRig rig;
    rig.open(web);
    rig.client(web, "F. 1:1(0) ack 1");
    rig.both(web, ". 1:1(0) ack 2");
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
    rig.both(web, "F. 1:1(0) ack 2");
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
}

TEST(Closing, FlowLives120SecondsMore) {
    CompareRig rig;
    rig.open(web);
    rig.jump(milliseconds(900));
    rig.both(web, "R. 1:1(0) ack 1");
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
    rig.pass_time(seconds(120));
    EXPECT_EQ(rig.comparator().table().size(), 1u);
    EXPECT_LE(rig.comparator().next_deadline(), rig.now() + seconds(1));
    rig.pass_time(seconds(1));
    EXPECT_EQ(rig.comparator().table().size(), 0u);
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
}

TEST(Closing, EstablishedFlowIsNeverAgedOut) {
    CompareRig rig;
    rig.open(web);
    for (int day = 0; day < 30; ++day) rig.pass_time(seconds(86400));
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
    rig.both(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
}

TEST(Closing, LastAckIsStillComparedInIt) {
    CompareRig rig;
    rig.open(web);
    rig.client(web, "F. 1:1(0) ack 1");
    rig.both(web, "F. 1:1(0) ack 2");
    rig.released();
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
    rig.pass_time(seconds(60));
    rig.p(web, "F. 1:1(0) ack 2");  // the client's last ack was lost
    EXPECT_EQ(rig.released(), Names{"F. 1:1(0) ack 2"});
    rig.p(web, ". 2:2(0) ack 3");
    EXPECT_EQ(rig.released(), Names{});
}

// --- Spoofed client segments (RFC 5961)

TEST(Spoofed, ClientSegmentsAloneChangeNothing) {
    const char* const segments[] = {"S 5000:5000(0)",  "R 1:1(0)",        "R. 1:1(0) ack 1",
                                    "S. 9:9(0) ack 1", "F. 1:1(0) ack 1", ". 1:1(0) ack 999"};
    for (const char* segment : segments) {
        CompareRig rig;
        rig.open(web);
        rig.both(web, ". 1:11(10) ack 1");
        rig.released();
        rig.client(web, segment);
        EXPECT_EQ(rig.flow().phase, Phase::kEstablished) << segment;
        EXPECT_EQ(rig.flow().verified, 10u) << segment;
        rig.both(web, ". 11:21(10) ack 1");
        rig.p(web, ". 21:21(0) ack 1");  // a challenge ACK
        EXPECT_EQ(rig.released(), (Names{". 11:21(10) ack 1", ". 21:21(0) ack 1"})) << segment;
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(Spoofed, ClientSegmentsMakeNoFlow) {
    CompareRig rig;
    rig.client(web, "S 0:0(0)");
    rig.client(web, ". 1:1(0) ack 1");
    EXPECT_EQ(rig.comparator().table().size(), 0u);
}

TEST(Spoofed, HalfOpenFlowStaysSoWithoutTheGuestsNumber) {
    CompareRig rig;
    rig.both(web, "S. 0:0(0) ack 1");
    rig.client(web, ". 1:1(0) ack 77");
    rig.client(web, "R 1:1(0)");
    EXPECT_EQ(rig.flow().phase, Phase::kHalfOpen);
    rig.client(web, ". 1:1(0) ack 1");
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
}

TEST(Spoofed, OldFinDoesNotCloseAHalfClosedFlow) {
    // The number lies below what the guest has acknowledged long ago: no FIN of this connection.
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:1(0) ack 1001");
    rig.both(web, "F. 1:1(0) ack 1001");
    rig.client(web, "F. 5:5(0) ack 1");
    rig.both(web, ". 2:2(0) ack 1001");
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
}

}  // namespace
}  // namespace colo::test
