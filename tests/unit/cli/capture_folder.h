// SPDX-License-Identifier: GPL-2.0-or-later
// Captures for these tests: a folder of files that goes with its object, and the usual frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "packet/time.h"
#include "tests/support/frame_builder.h"

namespace colo::test {

inline constexpr const char* kGuest = "10.0.0.2";
inline constexpr const char* kPeer = "10.0.0.1";
/// When the captures begin.
inline constexpr Time kStart = seconds(1'700'000'000);

struct Record {
    Time time{0};  ///< since kStart
    ByteVector bytes;
};

/// A datagram of the guest, and one to it.
ByteVector output(std::string_view payload, uint16_t guest_port = 53);
ByteVector input(std::string_view payload, uint16_t guest_port = 53);
/// The payload of either.
std::string payload_of(const uint8_t* frame, size_t size);

class CaptureFolder {
  public:
    CaptureFolder();
    ~CaptureFolder();
    CaptureFolder(const CaptureFolder&) = delete;
    CaptureFolder& operator=(const CaptureFolder&) = delete;

    std::string path(const std::string& name) const { return folder_ / name; }
    /// Writes a capture; its path.
    std::string write(const std::string& name, const std::vector<Record>& records) const;
    /// The same, less its last `lost` bytes.
    std::string write_cut(const std::string& name, const std::vector<Record>& records,
                          size_t lost) const;
    std::string write_text(const std::string& name, const std::string& text) const;

  private:
    std::filesystem::path folder_;
};

/// Payloads of a capture's frames in turn.
std::vector<std::string> payloads_in(const std::string& path);

/// What `print(FILE*)` writes.
template <typename Print>
std::string printed(Print print) {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    print(out);
    std::fclose(out);
    const std::string copy(text, size);
    std::free(text);
    return copy;
}

}  // namespace colo::test
