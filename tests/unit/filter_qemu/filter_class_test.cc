// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/filter_class.h"

#include <gtest/gtest.h>

#include <vector>

namespace colo {
namespace {

constexpr CodeRange kCode{0x1000, 0x2000};
constexpr uintptr_t kData = 0x9000;
constexpr uintptr_t kHandleEvent = 0x1500;

/// Classes whose heads are data, and whose functions begin at `place`.
struct Classes {
    explicit Classes(size_t place) : netfilter(place + 5, kData), buffer(place + 5, kData) {
        for (size_t i = 0; i < 5; ++i) {
            netfilter[place + i] = 0;
            buffer[place + i] = 0x1100 + i;
        }
        netfilter[place + 3] = buffer[place + 3] = kHandleEvent;
    }
    std::optional<size_t> find() const { return find_functions(netfilter, buffer, kCode); }

    std::vector<uintptr_t> netfilter;
    std::vector<uintptr_t> buffer;
};

TEST(FilterClassTest, FunctionsAreFoundWhereverTheHeadEnds) {
    for (size_t place = kFirstPlace; place <= kLastPlace; ++place) EXPECT_EQ(Classes(place).find(), place);
}

TEST(FilterClassTest, FunctionsOutsideOfThePlacesAreNotFound) {
    EXPECT_EQ(Classes(kFirstPlace - 1).find(), std::nullopt);
    EXPECT_EQ(Classes(kLastPlace + 1).find(), std::nullopt);
}

TEST(FilterClassTest, ClassThatEndsBeforeItsFunctionsIsNotReadFurther) {
    Classes classes(12);
    classes.netfilter.resize(16);
    classes.netfilter.shrink_to_fit();
    EXPECT_EQ(classes.find(), std::nullopt);
}

TEST(FilterClassTest, AnyWordThatDoesNotFitIsAnotherLayout) {
    for (size_t i = 0; i < 5; ++i) {
        Classes concrete(12);
        concrete.buffer[12 + i] = kData;  // a pointer to what is no code
        EXPECT_EQ(concrete.find(), std::nullopt) << i;
        Classes abstract(12);
        abstract.netfilter[12 + i] = kData;
        EXPECT_EQ(abstract.find(), std::nullopt) << i;
    }
}

TEST(FilterClassTest, WitnessesThatInheritNothingAreAnotherLayout) {
    Classes classes(12);
    classes.buffer[15] = kHandleEvent + 1;
    EXPECT_EQ(classes.find(), std::nullopt);
}

TEST(FilterClassTest, TwoPlacesThatFitAreNone) {
    Classes classes(8);
    const Classes others(8);
    for (size_t i = 0; i < 5; ++i) {
        classes.netfilter.push_back(others.netfilter[8 + i]);
        classes.buffer.push_back(others.buffer[8 + i]);
    }
    EXPECT_EQ(classes.find(), std::nullopt);
}

}  // namespace
}  // namespace colo
