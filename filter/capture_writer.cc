// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/capture_writer.h"

#include <cstdio>

#include "filter/capture_reader.h"
#include "packet/frame.h"

namespace colo {

CaptureWriter::CaptureWriter(const std::string& path)
    : name_(path),
      pcap_(pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kMaxFrameBytes,
                                                 PCAP_TSTAMP_PRECISION_NANO)) {
    if (!pcap_) throw CaptureError(name_ + ": out of memory");
    dumper_.reset(pcap_dump_open(pcap_.get(), path.c_str()));
    if (!dumper_) throw CaptureError(pcap_geterr(pcap_.get()));
}

void CaptureWriter::write(Bytes bytes, uint32_t wire_size, Time time) {
    const auto whole = std::chrono::floor<seconds>(time);
    pcap_pkthdr header{};
    header.ts.tv_sec = whole.count();
    header.ts.tv_usec = (time - whole).count();
    header.caplen = static_cast<uint32_t>(bytes.size());
    header.len = wire_size;
    pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, bytes.data());
}

void CaptureWriter::finish() {
    if (pcap_dump_flush(dumper_.get()) != 0 || std::ferror(pcap_dump_file(dumper_.get()))) {
        throw CaptureError(name_ + ": cannot be written");
    }
}

}  // namespace colo
