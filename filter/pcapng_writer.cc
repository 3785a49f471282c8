// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/pcapng_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace colo {

namespace {

constexpr size_t kBufferBytes = 256u << 10;
constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint32_t kEthernet = 1;  // LINKTYPE_ETHERNET
/// Option if_tsresol (9) of length 1: 10^-9; padded; end of options.
constexpr std::array<uint8_t, 12> kNanoseconds{9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0};
/// Option epb_flags (2) of length 4, then end of options.
constexpr uint32_t kFlagsOption = 4u << 16 | 2;

/// nullptr: errno says why. A pipe whose reader stands still would stop whoever writes, and waits for one at once.
std::FILE* open_regular(const std::string& path) {
    constexpr int kMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, kMode);
    if (fd < 0) return nullptr;
    struct stat found {};
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) return fdopen(fd, "wb");
    close(fd);
    throw std::runtime_error("'" + path + "': is no regular file");
}

}  // namespace

PcapngWriter::PcapngWriter(const std::string& path, uint32_t snaplen)
    : snaplen_(snaplen), file_(open_regular(path)) {
    if (!file_) throw std::runtime_error("'" + path + "': " + std::strerror(errno));
    std::setvbuf(file_.get(), nullptr, _IOFBF, kBufferBytes);
    begin();
    if (!flush()) throw std::runtime_error("'" + path + "': cannot be written");
}

void PcapngWriter::put(const void* data, size_t size) { std::fwrite(data, 1, size, file_.get()); }

void PcapngWriter::begin() {
    // Length of the section: not known.
    const uint32_t section[] = {kSectionHeader, 28, kByteOrder, 1, UINT32_MAX, UINT32_MAX, 28};
    const uint32_t size = 20 + static_cast<uint32_t>(kNanoseconds.size());
    const uint32_t interface[] = {kInterface, size, kEthernet, snaplen_};
    put(section, sizeof section);
    put(interface, sizeof interface);
    put(kNanoseconds.data(), kNanoseconds.size());
    put(&size, sizeof size);
}

bool PcapngWriter::write(Bytes frame, Way way, Time date) {
    constexpr uint32_t kAround = 32 + 12;  // block header and trailer, flags and end of options
    const uint32_t kept = std::min(static_cast<uint32_t>(frame.size()), snaplen_);
    const uint32_t padding = (4 - kept % 4) % 4;
    const uint32_t size = kAround + kept + padding;
    const uint64_t ns = static_cast<uint64_t>(date.count());
    const uint32_t header[] = {kEnhancedPacket,           size, 0, static_cast<uint32_t>(ns >> 32),
                               static_cast<uint32_t>(ns), kept, static_cast<uint32_t>(frame.size())};
    const uint32_t trailer[] = {kFlagsOption, static_cast<uint32_t>(way), 0, size};
    const uint32_t zero = 0;
    put(header, sizeof header);
    put(frame.data(), kept);
    put(&zero, padding);
    put(trailer, sizeof trailer);
    return !std::ferror(file_.get());
}

bool PcapngWriter::flush() { return std::fflush(file_.get()) == 0 && !std::ferror(file_.get()); }

}  // namespace colo
