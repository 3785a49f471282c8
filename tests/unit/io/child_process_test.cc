// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

namespace colo {
namespace {

using Words = std::vector<std::string>;

Words shell(const std::string& command) { return {"/bin/sh", "-c", command}; }

TEST(ChildProcess, SaysHowItEnded) {
    const struct {
        Words words;
        const char* problem;
    } cases[] = {
        {shell("true"), ""},
        {shell("exit 3"), "exit status 3"},
        {shell("kill -TERM $$"), "killed by Terminated"},
        {shell("read line"), "exit status 1"},  // there is no input
        {{"/bin/sh", "-c", "test \"$1\" = 'a b'", "sh", "a b"}, ""},
        {{"/no/such/program"}, "cannot be run: No such file or directory"},
    };
    for (const auto& [words, problem] : cases) EXPECT_EQ(run_to_end(words, seconds(60)), problem) << words.back();
}

/// Two ends; a program may inherit one.
struct InheritedPair {
    InheritedPair() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        ours = FileDescriptor(ends[0]);
        theirs = FileDescriptor(ends[1]);
    }
    FileDescriptor ours;
    FileDescriptor theirs;
};

TEST(ChildProcess, IsKilledAtItsDeadlineWithAllItHasStarted) {
    InheritedPair pair;
    EXPECT_EQ(run_to_end(shell("sleep 1000 & wait"), milliseconds(20), pair.theirs.get()), "took longer than 20 ms");
    { const FileDescriptor closed = std::move(pair.theirs); }
    pollfd nobody_has_it{pair.ours.get(), POLLIN, 0};
    EXPECT_EQ(poll(&nobody_has_it, 1, 60'000), 1);
}

TEST(ChildProcess, InheritsADescriptor) {
    const InheritedPair pair;
    EXPECT_EQ(run_to_end(shell("echo hello >&3"), seconds(60), pair.theirs.get()), "");
    char text[10];
    EXPECT_EQ(std::string(text, static_cast<size_t>(recv(pair.ours.get(), text, sizeof(text), MSG_DONTWAIT))),
              "hello\n");
}

TEST(ChildProcess, GoesWithItsOwner) {
    const ChildProcess process(nullptr, shell("sleep 1000"), [](const std::string&) { FAIL(); });
}

}  // namespace
}  // namespace colo
