// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_service.h"

namespace colo {

void EchoService::copy() {
    Stream& echo = stream();
    while (!echo.peek().empty()) {
        const size_t written = echo.write(echo.peek());
        if (written == 0) return;  // until it is writable
        echo.consume(written);
    }
    if (echo.at_end()) echo.finish();
}

void DiscardService::stream_readable(Stream& stream) {
    while (!stream.peek().empty()) stream.consume(stream.peek().size());
    if (stream.at_end()) stream.finish();
}

}  // namespace colo
