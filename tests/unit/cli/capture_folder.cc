// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/cli/capture_folder.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "filter/capture_reader.h"
#include "filter/capture_writer.h"

namespace colo::test {

namespace {

constexpr size_t kUdpHeaders = 14 + 20 + 8;

}  // namespace

ByteVector output(std::string_view payload, uint16_t guest_port) {
    return FrameBuilder().ipv4(kGuest, kPeer).udp(guest_port, 40000).payload(payload).build();
}

ByteVector input(std::string_view payload, uint16_t guest_port) {
    return FrameBuilder()
        .ipv4(kGuest, kPeer)
        .udp(guest_port, 40000)
        .swap_ends()
        .payload(payload)
        .build();
}

std::string payload_of(const uint8_t* frame, size_t size) {
    return std::string(frame + kUdpHeaders, frame + size);
}

CaptureFolder::CaptureFolder() {
    std::string name = std::filesystem::temp_directory_path() / "colo-proxy-cli-XXXXXX";
    if (!mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), name);
    folder_ = name;
}

CaptureFolder::~CaptureFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string CaptureFolder::write(const std::string& name,
                                 const std::vector<Record>& records) const {
    CaptureWriter writer(path(name));
    for (const Record& record : records) {
        writer.write(record.bytes, static_cast<uint32_t>(record.bytes.size()),
                     kStart + record.time);
    }
    writer.finish();
    return path(name);
}

std::string CaptureFolder::write_cut(const std::string& name, const std::vector<Record>& records,
                                     size_t lost) const {
    const std::string file = write(name, records);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - lost);
    return file;
}

std::string CaptureFolder::write_text(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
}

std::vector<std::string> payloads_in(const std::string& path) {
    CaptureReader reader(path);
    std::vector<std::string> payloads;
    while (const auto record = reader.next()) {
        payloads.push_back(payload_of(record->bytes.data(), record->bytes.size()));
    }
    return payloads;
}

}  // namespace colo::test
