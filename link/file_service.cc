// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/file_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "link/stream_pump.h"

namespace colo {

namespace {

constexpr size_t kVerbBytes = 4;
constexpr int kFileMode = 0600;

}  // namespace

FileService::FileService(std::unique_ptr<Stream> stream, std::string directory, Done done)
    : StreamService(std::move(stream), std::move(done)), directory_(std::move(directory)) {}

FileService::~FileService() {
    if (!part_.empty()) unlink(part_.c_str());
}

/// A name is of the directory itself.
bool FileService::parse() {
    const std::string& argument = stream().argument();
    is_put_ = argument.starts_with("put ");
    if (!is_put_ && !argument.starts_with("get ")) return false;
    name_ = argument.substr(kVerbBytes);
    return !name_.empty() && name_[0] != '.' && name_.find('/') == std::string::npos &&
           name_.find('\0') == std::string::npos;
}

bool FileService::open_file() {
    if (std::exchange(has_begun_, true)) return static_cast<bool>(fd_);
    if (!parse()) {
        fail({LinkCode::kRefused, "file: '" + printable(stream().argument()) + "' is not put NAME or get NAME"});
        return false;
    }
    const std::string path = directory_ + "/" + name_;
    const std::string part = path + "." + std::to_string(stream().id()) + ".part";
    fd_ = is_put_ ? FileDescriptor(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode))
                  : FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd_) {
        fail_with("open");
        return false;
    }
    if (is_put_) part_ = part;
    return true;
}

void FileService::fail_with(const char* doing) {
    const int error = errno;
    const uint64_t count = is_put_ ? stream().bytes_in() : stream().bytes_out();
    fail({LinkCode::kFailed, std::string("cannot ") + doing + " file '" + printable(name_) + "' after " +
                                 bytes_text(count) + ": " + std::strerror(error)});
}

void FileService::stream_readable(Stream&) {
    if (!open_file()) return;
    is_put_ ? take() : send_file();
}

void FileService::stream_writable(Stream&) {
    if (fd_ && !is_put_) send_file();
}

// --- put

void FileService::take() {
    while (!stream().peek().empty()) {
        const Bytes next = stream().peek();
        if (!write_all(next)) return fail_with("write");
        g_checksum_update(checksum_.get(), next.data(), static_cast<gssize>(next.size()));
        stream().consume(next.size());
    }
    if (stream().at_end() && !stream().is_finished()) complete();
}

bool FileService::write_all(Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t size = write(fd_.get(), bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(size));
    }
    return true;
}

/// There is always room for the digest: nothing else was sent.
void FileService::complete() {
    const std::string path = directory_ + "/" + name_;
    if (fsync(fd_.get()) != 0 || rename(part_.c_str(), path.c_str()) != 0) return fail_with("complete");
    part_.clear();
    stream().write(bytes_of(g_checksum_get_string(checksum_.get())));
    stream().finish();
}

// --- get

/// Begins with the peer's end: it has nothing to say.
void FileService::send_file() {
    while (!at_file_end_) {
        if (!fill()) return;
    }
    send_digest();
}

bool FileService::fill() {
    const MutableBytes into = stream().space();
    if (into.empty()) return false;
    const ssize_t size = read(fd_.get(), into.data(), into.size());
    const int error = errno;
    stream().commit(size > 0 ? static_cast<size_t>(size) : 0);
    if (size < 0) {
        errno = error;
        fail_with("read");
        return false;
    }
    g_checksum_update(checksum_.get(), into.data(), size);
    at_file_end_ = size == 0;
    if (at_file_end_) digest_ = g_checksum_get_string(checksum_.get());
    return true;
}

void FileService::send_digest() {
    digest_.erase(0, stream().write(bytes_of(digest_)));
    if (digest_.empty()) stream().finish();
}

}  // namespace colo
