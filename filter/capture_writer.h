// SPDX-License-Identifier: GPL-2.0-or-later
// Writes Ethernet frames to a pcap file with nanosecond time stamps.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <string>

#include "packet/bytes.h"
#include "packet/time.h"

namespace colo {

class CaptureWriter {
  public:
    /// Creates or replaces `path`. Throws CaptureError (filter/capture_reader.h).
    explicit CaptureWriter(const std::string& path);

    /// `time` since 1970.
    void write(Bytes bytes, uint32_t wire_size, Time time);
    /// Makes sure that all of it is in the file. Throws CaptureError.
    void finish();

  private:
    struct ClosePcap {
        void operator()(pcap_t* pcap) const { pcap_close(pcap); }
    };
    struct CloseDumper {
        void operator()(pcap_dumper_t* dumper) const { pcap_dump_close(dumper); }
    };

    std::string name_;
    std::unique_ptr<pcap_t, ClosePcap> pcap_;
    std::unique_ptr<pcap_dumper_t, CloseDumper> dumper_;
};

}  // namespace colo
