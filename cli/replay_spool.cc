// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_spool.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace colo {

namespace {

constexpr size_t kChunk = 1 << 16;

[[noreturn]] void fail() {
    throw std::runtime_error(std::string("temporary file for the checkpoints: ") +
                             std::strerror(errno));
}

}  // namespace

void ReplaySpool::add(std::string_view text) {
    if (!file_) file_.reset(std::tmpfile());
    if (!file_ || std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) fail();
}

void ReplaySpool::copy_to(std::FILE* out) {
    if (!file_) return;
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) fail();  // it writes what is buffered, too
    std::array<char, kChunk> chunk;
    while (const size_t size = std::fread(chunk.data(), 1, chunk.size(), file_.get())) {
        if (std::fwrite(chunk.data(), 1, size, out) != size) return;
    }
    if (std::ferror(file_.get())) fail();
}

}  // namespace colo
