// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy certs`: both hosts' certificates, each in a directory as QEMU's tls-creds-x509 has it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cli/certs_arguments.h"
#include "cli/commands.h"
#include "cli/subcommand.h"
#include "io/file_descriptor.h"
#include "link/certificate_authority.h"

namespace colo {

namespace {

constexpr const char* kCertsHelp =
    "Usage: colo-proxy certs DIR --primary HOST --secondary HOST [--days N]\n"
    "       colo-proxy certs DIR --add HOST [--days N]\n"
    "Makes an authority and both hosts' certificates: DIR/primary and DIR/secondary, each for --tls-creds of its\n"
    "host (and for QEMU's tls-creds-x509). Hosts are names or addresses, as --link has them; an option that is\n"
    "given again adds a further name. Later, --add makes a further host's in DIR/HOST, by DIR/ca-key.pem and\n"
    "DIR/ca-cert.pem: keep that key off all hosts.\n";

constexpr mode_t kForAll = 0644;
constexpr mode_t kForOwner = 0600;
constexpr time_t kDay = 24 * 60 * 60;

/// What is there already is left alone.
void write_file(const std::string& path, mode_t mode, const std::string& text) {
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error(path + ": " + std::strerror(errno));
    }
}

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) throw std::runtime_error(path + ": " + std::strerror(errno));
    return text.str();
}

/// Both of a host's, as a survivor changes its role.
void write_host(const std::string& directory, const CertificateAuthority& authority,
                const std::vector<std::string>& hosts) {
    std::filesystem::create_directories(directory);
    write_file(directory + "/ca-cert.pem", kForAll, authority.own().certificate);
    for (const auto& [name, purpose] : {std::pair{"server", CertificateAuthority::Purpose::kServer},
                                        std::pair{"client", CertificateAuthority::Purpose::kClient}}) {
        const KeyAndCertificate made = authority.issue(hosts, purpose);
        write_file(directory + "/" + name + "-key.pem", kForOwner, made.key);
        write_file(directory + "/" + name + "-cert.pem", kForAll, made.certificate);
    }
}

/// From yesterday on: the hosts' clocks need not agree.
void make(const CertsArguments& arguments) {
    const time_t now = std::time(nullptr);
    const CertificateValidity validity{now - kDay, now + kDay * static_cast<time_t>(arguments.days)};
    const std::string key = arguments.directory + "/ca-key.pem", certificate = arguments.directory + "/ca-cert.pem";
    if (!arguments.added.empty()) {
        const CertificateAuthority authority(KeyAndCertificate{read_file(key), read_file(certificate)}, validity);
        return write_host(arguments.directory + "/" + arguments.added.front(), authority, arguments.added);
    }
    const CertificateAuthority authority("colo-proxy", validity);
    std::filesystem::create_directories(arguments.directory);
    write_file(key, kForOwner, authority.own().key);
    write_file(certificate, kForAll, authority.own().certificate);
    write_host(arguments.directory + "/primary", authority, arguments.primary);
    write_host(arguments.directory + "/secondary", authority, arguments.secondary);
}

}  // namespace

int certs_command(int argc, char** argv) {
    return run_subcommand(argv[0], kCertsHelp, [&] { return parse_certs_arguments(argc, argv); }, make);
}

}  // namespace colo
