// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/option_reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

namespace colo {
namespace {

OptionReader reader(const std::string& text) {
    return {"chardev 'pri'", parse_options(text, "backend")};
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

TEST(OptionReader, HandsOutWhatIsThere) {
    OptionReader options = reader("socket,path=a,,b,server,nowait,reconnect=5");
    EXPECT_EQ(options.take("backend"), "socket");
    EXPECT_EQ(options.need("path"), "a,b");
    EXPECT_TRUE(options.take_bool("server", false));
    EXPECT_FALSE(options.take_bool("wait", true));
    EXPECT_EQ(options.take_uint("reconnect", 0, 0, 10), 5u);
    EXPECT_NO_THROW(options.finish());
}

TEST(OptionReader, AnExampleHasAllThatIsNeededAndNothingElse) {
    OptionReader options = OptionReader::of_example("filter-dump");
    EXPECT_EQ(options.need("file"), "file");
    EXPECT_EQ(options.take("position", "tail"), "tail");
    EXPECT_EQ(options.take_uint("maxlen", 65536, 1, 65536), 65536u);
    EXPECT_NO_THROW(options.finish());
}

TEST(OptionReader, WhatIsAbsentHasItsDefault) {
    OptionReader options = reader("socket");
    EXPECT_FALSE(options.has("path"));
    EXPECT_EQ(options.take("path"), std::nullopt);
    EXPECT_EQ(options.take("path", "x"), "x");
    EXPECT_TRUE(options.take_bool("server", true));
    EXPECT_EQ(options.take_uint("reconnect", 7, 0, 5), 7u);
}

TEST(OptionReader, TheLastOfEqualKeysCounts) {
    OptionReader options = reader("socket,path=a,path=b");
    EXPECT_EQ(options.take("path"), "b");
    EXPECT_FALSE(options.has("path"));
}

TEST(OptionReader, BooleansAreQemus) {
    for (const char* text : {"on", "yes", "true"}) {
        EXPECT_TRUE(reader(std::string("x,wait=") + text).take_bool("wait", false)) << text;
    }
    for (const char* text : {"off", "no", "false"}) {
        EXPECT_FALSE(reader(std::string("x,wait=") + text).take_bool("wait", true)) << text;
    }
}

TEST(OptionReader, AChoiceIsOneOfTheWordsOrTheFirst) {
    constexpr std::string_view kWords[] = {"auto", "on", "off"};
    EXPECT_EQ(reader("x,mode=off").take_choice("mode", kWords), 2u);
    EXPECT_EQ(reader("x,mode=auto").take_choice("mode", kWords), 0u);
    EXPECT_EQ(reader("x").take_choice("mode", kWords), 0u);
    try {
        reader("x,mode=Off").take_choice("mode", kWords);
        ADD_FAILURE();
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("mode: 'Off' is none of auto, on, off"));
    }
}

TEST(OptionReader, ErrorsNameTheObjectAndTheKey) {
    const auto need = [](OptionReader& options) { options.need("path"); };
    const auto flag = [](OptionReader& options) { options.take_bool("wait", false); };
    const auto number = [](OptionReader& options) { options.take_uint("n", 0, 1, 9); };
    const auto finish = [](OptionReader& options) {
        options.take("backend");
        options.finish();
    };
    const std::tuple<const char*, std::function<void(OptionReader&)>, const char*> cases[] = {
        {"s", need, "chardev 'pri': path: is missing"},
        {"s,path=", need, "chardev 'pri': path: is empty"},
        {"s,wait=maybe", flag, "chardev 'pri': wait: 'maybe' is neither on nor off"},
        {"s,wait=", flag, "chardev 'pri': wait: '' is neither on nor off"},
        {"s,n=0", number, "chardev 'pri': n: '0' is not a number from 1 to 9"},
        {"s,n=10", number, "chardev 'pri': n: '10' is not a number from 1 to 9"},
        {"s,n=-1", number, "chardev 'pri': n: '-1' is not a number from 1 to 9"},
        {"s,n=5x", number, "chardev 'pri': n: '5x' is not a number from 1 to 9"},
        {"s,n=", number, "chardev 'pri': n: '' is not a number from 1 to 9"},
        {"s,n=99999999999999999999", number,
         "chardev 'pri': n: '99999999999999999999' is not a number from 1 to 9"},
        {"s,sever=on", finish, "chardev 'pri': unknown option 'sever'"},
        {"s,a=1,b=2", finish, "chardev 'pri': unknown option 'a', 'b'"},
    };
    for (const auto& [text, action, expected] : cases) {
        OptionReader options = reader(text);
        EXPECT_EQ(error_of([&, &act = action] { act(options); }), expected) << text;
    }
}

}  // namespace
}  // namespace colo
