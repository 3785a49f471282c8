// SPDX-License-Identifier: GPL-2.0-or-later
// The subcommand as main() calls it: exit status, standard output and standard error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

using test::CaptureFolder;
using test::output;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Words = std::vector<std::string>;

struct Outcome {
    int status;
    std::string out;
    std::string error;
};

Outcome run(Words words) {
    words.insert(words.begin(), "replay");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = replay_command(static_cast<int>(words.size()), argv.data());
    return {status, testing::internal::GetCapturedStdout(),
            testing::internal::GetCapturedStderr()};
}

class CommandTest : public testing::Test {
  protected:
    Outcome compare(const std::string& primary, const std::string& secondary, Words words = {}) {
        words.insert(words.end(), {"--primary", primary, "--secondary", secondary});
        return run(words);
    }
    std::string one(const std::string& name, const char* payload) {
        return folder_.write(name, {{Time(0), output(payload)}});
    }

    CaptureFolder folder_;
};

void expect_refused(const Outcome& outcome, const std::string& named) {
    EXPECT_EQ(outcome.status, 2) << named;
    EXPECT_THAT(outcome.out, IsEmpty()) << named;
    EXPECT_THAT(outcome.error, AllOf(StartsWith("colo-proxy replay: "), HasSubstr(named),
                                     EndsWith("\n")));
}

TEST_F(CommandTest, TheStatusIsTheVerdict) {
    const std::string a = one("a.pcap", "a");
    const std::string b = one("b.pcap", "b");
    for (const Words& words : {Words{}, Words{"--json"}}) {
        EXPECT_EQ(compare(a, a, words).status, 0);
        EXPECT_EQ(compare(a, b, words).status, 1);
        EXPECT_THAT(compare(a, b, words).error, IsEmpty());
    }
    EXPECT_THAT(compare(a, b, {"--json"}).out, StartsWith("{\"verdict\":\"diverged\","));
    EXPECT_THAT(compare(a, b).out, HasSubstr("verdict    diverged"));
}

TEST_F(CommandTest, BadUsageIsNamed) {
    const std::string good = one("good.pcap", "a");
    for (const char* bad : {"--colour", "surplus", "--guest=nobody", "--compare-timeout=0",
                            "--max-connections=x", "--max-queue-bytes=-1", "--released=-"}) {
        const std::string word(bad);
        expect_refused(compare(good, good, {word}), word.substr(0, word.find('=')));
    }
    expect_refused(run({}), "--primary");
}

TEST_F(CommandTest, UnreadableInputIsNamedWithItsOffset) {
    const std::string good = one("good.pcap", "a");
    const std::string missing = folder_.path("missing.pcap");
    const std::string garbage = folder_.write_text("garbage.pcap", std::string(50, '?'));
    for (const Words& words : {Words{}, Words{"--json"}}) {
        expect_refused(compare(missing, good, words), missing);
        expect_refused(compare(good, missing, words), missing);
        expect_refused(compare(garbage, good, words), garbage + ": offset 0: ");
        expect_refused(compare(good, garbage, words), garbage + ": offset 0: ");
        expect_refused(compare(good, folder_.path("."), words), "is a directory");
    }
}

TEST_F(CommandTest, ACutCaptureIsAWarningAndNoMore) {
    const std::string cut = folder_.write_cut(
        "cut.pcap", {{Time(0), output("a")}, {Time(1), output("b")}}, 5);
    const Outcome outcome = compare(cut, cut, {"--json"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.error,
                AllOf(StartsWith("colo-proxy replay: warning: " + cut + ": offset "),
                      EndsWith("\n")));
    EXPECT_THAT(outcome.out, HasSubstr("\"primary\":{\"frames\":1,"));
}

}  // namespace
}  // namespace colo
