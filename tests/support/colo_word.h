// SPDX-License-Identifier: GPL-2.0-or-later
// What the two ends of a COLO channel say beside a VM's state: 0 READY, 1 REQUEST, 2 REPLY, 5 RECEIVED, 6 LOADED.
#pragma once

#include <string>

#include "packet/bytes.h"

namespace colo {

inline std::string word(uint32_t value) {
    std::string bytes(4, '\0');
    store_be32(reinterpret_cast<uint8_t*>(bytes.data()), value);
    return bytes;
}

}  // namespace colo
