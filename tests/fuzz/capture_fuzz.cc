// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a capture file: records or an error, the same each time.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "filter/capture_reader.h"
#include "fuzz_input.h"
#include "packet/frame.h"
#include "packet/time.h"

namespace colo::fuzz {
namespace {

/// A file that has a name while this lives.
class MemoryFile {
  public:
    explicit MemoryFile(Bytes bytes) : descriptor_(memfd_create("capture", 0)) {
        FUZZ_CHECK(write(descriptor_, bytes.data(), bytes.size()) ==
                   static_cast<ssize_t>(bytes.size()));
    }
    ~MemoryFile() { close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

/// A digest of all records and of how it ended.
uint64_t read_all(CaptureReader& reader) {
    uint64_t digest = 1;
    const auto mix = [&](uint64_t value) { digest = (digest ^ value) * 0x100000001b3u; };
    try {
        while (const auto record = reader.next()) {
            FUZZ_CHECK(record->bytes.size() <= kMaxFrameBytes);
            FUZZ_CHECK(record->wire_size >= record->bytes.size());
            FUZZ_CHECK(record->time >= Time(0) && record->time < kNever);
            mix(static_cast<uint64_t>(record->time.count()));
            for (const uint8_t byte : record->bytes) mix(byte);
        }
    } catch (const CaptureError& error) {
        FUZZ_CHECK(std::string(error.what()).find("offset") != std::string::npos);
        mix(7);
    }
    mix(reader.truncated().size());
    return digest;
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    const MemoryFile file({data, size});
    try {
        CaptureReader reader(file.path());
        const uint64_t first = read_all(reader);
        reader.rewind();
        FUZZ_CHECK(read_all(reader) == first);
    } catch (const CaptureError& error) {
        FUZZ_CHECK(std::string(error.what()).find(file.path()) == 0);
    }
    return 0;
}
