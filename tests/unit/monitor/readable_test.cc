// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "monitor/readable.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

struct ReadableCase {
    const char* what;
    const char* json;
    const char* text;
};

TEST(Readable, ShowsValuesAsLines) {
    const ReadableCase cases[] = {
        {"nothing to say", "{}", ""},
        {"no entries", "[]", ""},
        {"a string", "\"on\"", "on\n"},
        {"a number", "12", "12\n"},
        {"null", "null", "-\n"},
        {"members", R"({"mode":"idle","epoch":3,"peer":null,"x":[],"y":{}})",
         "mode: idle\nepoch: 3\npeer: -\nx: -\ny: -\n"},
        {"members of members", R"({"flows":{"tracked":3,"closing":0},"epoch":1})",
         "flows: tracked=3 closing=0\nepoch: 1\n"},
        {"deeper ones", R"({"a":{"b":{"c":1},"d":2}})", "a:\n  b: c=1\n  d: 2\n"},
        {"a list", R"([1,"x"])", "1\nx\n"},
        {"a list in an object", R"({"l":["a","b"]})", "l:\n  a\n  b\n"},
        {"a table", R"([{"id":"a","frames":10000000},{"id":"longer","vlan":7}])",
         "id      frames    vlan\n"
         "a       10000000  -\n"
         "longer  -         7\n"},
        {"a table in an object", R"({"flows":[{"proto":"tcp"}],"next":"7"})",
         "flows:\n  proto\n  tcp\nnext: 7\n"},
        {"a list of unlike things", R"([{"a":{"b":1}},2])", "a: b=1\n2\n"},
        {"terminal sequences", R"({"a\u001b[2J":"\u001b[31m\nred"})",
         "a\\u001b[2J: \\u001b[31m\\nred\n"},
    };
    for (const ReadableCase& c : cases) EXPECT_EQ(readable(Json::parse(c.json)), c.text) << c.what;
}

TEST(Readable, FitsInALine) {
    EXPECT_EQ(readable_inline(Json::parse(R"({"reason":"x","flow":{"proto":"tcp"},"n":1})")),
              R"(reason=x flow={"proto":"tcp"} n=1)");
    EXPECT_EQ(readable_inline(Json::parse("[1,2]")), "1 2");
    EXPECT_EQ(readable_inline("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace colo
