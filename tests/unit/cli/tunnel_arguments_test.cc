// SPDX-License-Identifier: GPL-2.0-or-later
// contracts.md, `colo-proxy tunnel`: the command line.
#include "cli/tunnel_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

TunnelArguments parse_tunnel(Words words) {
    words.insert(words.begin(), "tunnel");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return parse_tunnel_arguments(static_cast<int>(words.size()), argv.data());
}

/// The message, or "-" when nothing is wrong.
std::string refusal_of_tunnel(const Words& words) {
    try {
        parse_tunnel(words);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "-";
}

TEST(TunnelArguments, ListenTakesLinksAndConnectsTo) {
    const TunnelArguments arguments =
        parse_tunnel({"listen", "--link", "[::1]:7000", "--to", "unix:in.sock", "--tls-creds", "pki", "--monitor", "mon"});
    EXPECT_TRUE(arguments.listens);
    EXPECT_EQ(arguments.link.host, "::1");
    EXPECT_EQ(arguments.link.port, "7000");
    EXPECT_EQ(arguments.local.path, "in.sock");
    EXPECT_EQ(arguments.security.creds, "pki");
    EXPECT_EQ(arguments.monitor, "mon");
    EXPECT_FALSE(arguments.help);
}

TEST(TunnelArguments, ConnectListensFrom) {
    const TunnelArguments arguments = parse_tunnel({"connect", "--link=unix:link", "--from=tcp:127.0.0.1:80", "--insecure"});
    EXPECT_FALSE(arguments.listens);
    EXPECT_EQ(arguments.link.path, "link");
    EXPECT_EQ(arguments.local.host, "127.0.0.1");
    EXPECT_TRUE(arguments.security.is_insecure);
    EXPECT_EQ(arguments.monitor, "");
}

TEST(TunnelArguments, NamesMayBeRepeated) {
    const TunnelArguments arguments = parse_tunnel({"connect", "--link", "h:1", "--from", "unix:f", "--tls-creds", "pki",
                                             "--tls-allow", "CN=a", "--tls-allow=CN=b", "--tls-peer", "x"});
    EXPECT_THAT(arguments.security.allow, ElementsAre("CN=a", "CN=b"));
    EXPECT_EQ(arguments.security.peer, "x");
}

TEST(TunnelArguments, HelpComesBeforeAllErrors) {
    EXPECT_TRUE(parse_tunnel({"--help"}).help);
    EXPECT_TRUE(parse_tunnel({"listen", "--what", "-h"}).help);
}

TEST(TunnelArguments, WhatIsWrongIsNamed) {
    const std::pair<Words, const char*> cases[] = {
        {{}, "listen or connect is needed"},
        {{"talk"}, "listen or connect is needed"},
        {{"listen"}, "--link is missing"},
        {{"listen", "--link", "unix:l"}, "--to is missing"},
        {{"connect", "--link", "unix:l"}, "--from is missing"},
        {{"listen", "--link", "unix:l", "--from", "unix:f"}, "--from is for connect"},
        {{"connect", "--link", "unix:l", "--to", "unix:t"}, "--to is for listen"},
        {{"listen", "--link", "unix:l", "--link", "unix:m"}, "--link: given twice"},
        {{"listen", "--link", "unix:l", "--to"}, "--to: requires an argument"},
        {{"listen", "--link=", "--to", "unix:t"}, "--link: requires an argument"},
        {{"listen", "--what"}, "'--what': invalid option"},
        {{"listen", "stray"}, "'stray': invalid option"},
        {{"listen", "--link", "unix:l", "--to", "t"}, "--to 't': unix:PATH or tcp:HOST:PORT is needed"},
        {{"listen", "--link", "stdio", "--to", "unix:t"}, "'stdio': HOST:PORT or unix:PATH is needed"},
        {{"listen", "--link", "h:99999", "--to", "unix:t"}, "'99999' is not a port"},
        {{"listen", "--link", "h:1", "--to", "unix:t"}, "--insecure allows that"},
        {{"listen", "--link", "h:1", "--to", "unix:t", "--tls-creds", "d", "--insecure"}, "exclude each other"},
        {{"listen", "--link", "unix:l", "--to", "unix:t", "--tls-peer", "x"}, "need --tls-creds"},
    };
    for (const auto& [words, expected] : cases) EXPECT_THAT(refusal_of_tunnel(words), HasSubstr(expected));
    EXPECT_EQ(refusal_of_tunnel({"listen", "--link", "unix:l", "--to", "unix:t"}), "-");
}

}  // namespace
}  // namespace colo
