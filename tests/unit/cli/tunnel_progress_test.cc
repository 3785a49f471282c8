// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/tunnel_progress.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

TEST(TunnelProgress, ALineHasStreamsBytesRateAndTime) {
    EXPECT_EQ(progress_line(2, 1'204'224, 115'300'000, seconds(12)), "2 streams, 1,204,224 bytes, 115.3 MB/s, 0:12");
    EXPECT_EQ(progress_line(1, 1, 0, Time{}), "1 stream, 1 byte, 0.0 MB/s, 0:00");
    EXPECT_EQ(progress_line(0, 0, 49'999, milliseconds(59'999)), "0 streams, 0 bytes, 0.0 MB/s, 0:59");
    EXPECT_EQ(progress_line(0, 0, 50'000, seconds(3600 + 61)), "0 streams, 0 bytes, 0.1 MB/s, 61:01");
}

}  // namespace
}  // namespace colo
