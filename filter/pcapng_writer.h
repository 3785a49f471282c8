// SPDX-License-Identifier: GPL-2.0-or-later
// Writes Ethernet frames to a pcapng file (draft-ietf-opsawg-pcapng): one section, one interface,
// nanoseconds, and of each frame which way it went. libpcap reads the format but does not write it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "packet/bytes.h"
#include "packet/time.h"

namespace colo {

class PcapngWriter {
  public:
    enum class Way : uint8_t { kInbound = 1, kOutbound = 2 };

    /// Creates or replaces `path`. Of a frame at most `snaplen` bytes are written. Throws
    /// std::runtime_error.
    PcapngWriter(const std::string& path, uint32_t snaplen);

    /// `date` since 1970. False: the file cannot be written (any more).
    bool write(Bytes frame, Way way, Time date);
    bool flush();

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    void begin();
    void put(const void* data, size_t size);

    uint32_t snaplen_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace colo
