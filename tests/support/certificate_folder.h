// SPDX-License-Identifier: GPL-2.0-or-later
// A folder of certificates as TlsCredentials reads it.
#pragma once

#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "link/certificate_authority.h"

namespace colo {

inline CertificateValidity valid_now() { return {std::time(nullptr) - 3600, std::time(nullptr) + 3600}; }

/// Both roles' files, for `hosts`. What is there is replaced.
inline void write_certificates(const std::string& folder, const CertificateAuthority& authority,
                               const std::vector<std::string>& hosts = {"localhost", "127.0.0.1"}) {
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream(folder + "/" + name + ".pem") << text;
    };
    write("ca-cert", authority.own().certificate);
    for (const auto& [role, purpose] : {std::pair{"server", CertificateAuthority::Purpose::kServer},
                                        std::pair{"client", CertificateAuthority::Purpose::kClient}}) {
        const KeyAndCertificate made = authority.issue(hosts, purpose);
        write(std::string(role) + "-key", made.key);
        write(std::string(role) + "-cert", made.certificate);
    }
}

}  // namespace colo
