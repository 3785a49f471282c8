// SPDX-License-Identifier: GPL-2.0-or-later
// Text of any length, kept in an unnamed temporary file until it can be written.
#pragma once

#include <cstdio>
#include <memory>
#include <string_view>

namespace colo {

class ReplaySpool {
  public:
    /// Throws std::runtime_error when there is no room. The file is made by the first call.
    void add(std::string_view text);
    /// Writes all that was added; what `out` does not take leaves its error indicator set. Throws
    /// std::runtime_error when the file cannot be read. Nothing can be added afterwards.
    void copy_to(std::FILE* out);
    bool empty() const { return !file_; }

  private:
    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    std::unique_ptr<std::FILE, CloseFile> file_;
};

}  // namespace colo
