// SPDX-License-Identifier: GPL-2.0-or-later
// A stream into a file of one directory, or out of it. The argument is "put NAME" or "get NAME". Put: when
// all has come and is on the disk the file has its name, and the answer is its SHA-256, 64 hexadecimal
// digits; before that there is no such file. Get: the bytes, then the digits.
#pragma once

#include <glib.h>

#include <memory>
#include <string>

#include "io/file_descriptor.h"
#include "link/stream_service.h"

namespace colo {

class FileService final : public StreamService {
  public:
    static constexpr const char* kName = "file";
    static constexpr size_t kDigestBytes = 64;

    /// Files are read and written at once: a slow disk is waited for.
    FileService(std::unique_ptr<Stream> stream, std::string directory, Done done);
    /// What is incomplete is removed.
    ~FileService() override;

  private:
    struct FreeChecksum {
        void operator()(GChecksum* checksum) const { g_checksum_free(checksum); }
    };

    void stream_readable(Stream&) override;
    void stream_writable(Stream&) override;
    bool parse();
    bool open_file();
    void take();
    bool write_all(Bytes bytes);
    void complete();
    void send_file();
    bool fill();
    void send_digest();
    void fail_with(const char* doing);

    const std::string directory_;
    std::string name_;
    std::string part_;  ///< the incomplete file's path; empty: there is none
    bool is_put_ = false;
    bool has_begun_ = false;
    bool at_file_end_ = false;
    FileDescriptor fd_;
    std::unique_ptr<GChecksum, FreeChecksum> checksum_{g_checksum_new(G_CHECKSUM_SHA256)};
    std::string digest_;  ///< what of it is still to be sent
};

}  // namespace colo
