// SPDX-License-Identifier: GPL-2.0-or-later
// Reads pcap and pcapng files of Ethernet frames through libpcap.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "packet/bytes.h"
#include "packet/time.h"

namespace colo {

/// The capture cannot be used; what() names the file, the place and the cause.
class CaptureError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct CaptureRecord {
    Time time{0};  ///< as recorded, since 1970
    Bytes bytes;   ///< valid until the next record is read
    uint32_t wire_size = 0;
};

class CaptureReader {
  public:
    /// Opens `path`; "-" is standard input, which is copied to an unnamed file first so that it can be
    /// read twice. Throws CaptureError.
    explicit CaptureReader(const std::string& path);
    CaptureReader(CaptureReader&&) = default;

    /// The next record; nothing at the end. Throws CaptureError on garbage. A file that ends inside a
    /// record, or a pcapng file before its first, ends there: see truncated().
    std::optional<CaptureRecord> next();
    /// Starts over.
    void rewind();

    /// The file ended inside a record, or before there could be one: a message that says where, else empty.
    const std::string& truncated() const { return truncated_; }
    const std::string& name() const { return name_; }

  private:
    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    struct ClosePcap {
        void operator()(pcap_t* pcap) const { pcap_close(pcap); }
    };

    void open();
    std::string place() const;

    std::string name_;
    /// Kept apart from libpcap, which closes the stream it reads.
    std::unique_ptr<std::FILE, CloseFile> file_;
    std::unique_ptr<pcap_t, ClosePcap> pcap_;  ///< none: the file ends before there could be a record
    std::string truncated_;
};

}  // namespace colo
