// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/capture_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "packet/frame.h"

namespace colo {

namespace {

constexpr int64_t kLastSecond = 9'000'000'000;
constexpr int64_t kLastNanosecond = 999'999'999;

[[noreturn]] void fail(const std::string& name, const std::string& cause) {
    throw CaptureError(name + ": " + cause);
}

std::FILE* spool_stdin() {
    std::FILE* spool = std::tmpfile();
    if (!spool) fail("standard input", std::string("no temporary file: ") + std::strerror(errno));
    std::array<char, 1 << 16> buffer;
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
        if (std::fwrite(buffer.data(), 1, size, spool) != size) break;
    }
    if (std::ferror(stdin) || std::ferror(spool) || std::fflush(spool) != 0) {
        std::fclose(spool);
        fail("standard input", "cannot be copied to a temporary file");
    }
    return spool;
}

std::FILE* open_file(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (!file) fail(path, std::strerror(errno));
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        std::fclose(file);
        fail(path, "is a directory");
    }
    return file;
}

/// Type and byte order of a section header block: both of its own that no other file begins with.
bool begins_as_pcapng(std::FILE* file) {
    constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
    constexpr uint32_t kByteOrder = 0x1a2b3c4d;
    std::array<uint32_t, 3> words{};  // the one between is the block's length
    return pread(fileno(file), words.data(), sizeof(words), 0) == sizeof(words) && words[0] == kSectionHeader &&
           (words[2] == kByteOrder || words[2] == __builtin_bswap32(kByteOrder));
}

}  // namespace

CaptureReader::CaptureReader(const std::string& path)
    : name_(path == "-" ? "standard input" : path),
      file_(path == "-" ? spool_stdin() : open_file(path)) {
    open();
}

void CaptureReader::open() {
    // libpcap closes what it reads: it gets a descriptor of its own, which shares our position.
    const int descriptor = dup(fileno(file_.get()));
    std::FILE* stream = descriptor < 0 ? nullptr : fdopen(descriptor, "rb");
    if (!stream) fail(name_, std::strerror(errno));
    if (std::fseek(stream, 0, SEEK_SET) != 0) {
        std::fclose(stream);
        fail(name_, "cannot be read from its beginning (a pipe?); use - for standard input");
    }
    char message[PCAP_ERRBUF_SIZE] = "";
    pcap_.reset(
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, message));
    if (!pcap_) {
        // libpcap reads up to where a packet may follow; whoever wrote it may not have come that far.
        const bool has_ended = std::feof(stream) && begins_as_pcapng(stream);
        const std::string cause = "offset " + std::to_string(has_ended ? ftello(stream) : 0) + ": " + message;
        std::fclose(stream);
        if (!has_ended) fail(name_, cause);
        truncated_ = name_ + ": " + cause;
        return;
    }
    const int link_type = pcap_datalink(pcap_.get());
    if (link_type == DLT_EN10MB) return;
    const char* link_name = pcap_datalink_val_to_name(link_type);
    fail(name_, "offset 0: link type " +
                    (link_name ? std::string(link_name) : std::to_string(link_type)) +
                    ", Ethernet (EN10MB) is needed");
}

void CaptureReader::rewind() {
    pcap_.reset();
    truncated_.clear();
    open();
}

std::string CaptureReader::place() const {
    return "offset " + std::to_string(ftello(pcap_file(pcap_.get()))) + ": ";
}

std::optional<CaptureRecord> CaptureReader::next() {
    if (!pcap_) return std::nullopt;
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int status = pcap_next_ex(pcap_.get(), &header, &bytes);
    if (status == PCAP_ERROR_BREAK) return std::nullopt;
    if (status != 1) {
        const std::string cause = place() + pcap_geterr(pcap_.get());
        if (!std::feof(pcap_file(pcap_.get()))) fail(name_, cause);
        truncated_ = name_ + ": " + cause;
        return std::nullopt;
    }
    if (header->caplen > kMaxFrameBytes) {
        fail(name_, place() + "a frame of " + std::to_string(header->caplen) +
                        " bytes; the largest is " + std::to_string(kMaxFrameBytes));
    }
    CaptureRecord record;
    // A pcapng time stamp may be any 64-bit number, and libpcap's arithmetic on it go wrong; what Time
    // cannot hold is moved to its edge.
    record.time = seconds(std::clamp<int64_t>(header->ts.tv_sec, 0, kLastSecond)) +
                  Time(std::clamp<int64_t>(header->ts.tv_usec, 0, kLastNanosecond));
    record.bytes = Bytes(bytes, header->caplen);
    record.wire_size = std::max(header->len, header->caplen);
    return record;
}

}  // namespace colo
