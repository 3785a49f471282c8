// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/vnet_length.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace colo {

namespace {

/// Of the struct, in ints; the length lies behind 256 bytes of text for people.
constexpr size_t kFirst = 256 / sizeof(int);
constexpr size_t kLast = 512 / sizeof(int);

std::vector<int> ints_of(NetClientState* netdev) {
    const size_t size = std::min(malloc_usable_size(netdev) / sizeof(int), kLast);
    std::vector<int> all(size);
    std::memcpy(all.data(), netdev, size * sizeof(int));
    return all;
}

/// QEMU 7.2 can set the length, and not say it: whatever follows two settings is it. A netdev without
/// vnet headers takes no setting.
std::optional<size_t> find_place(NetClientState* netdev) {
    const std::vector<int> before = ints_of(netdev);
    qemu_set_vnet_hdr_len(netdev, 10);
    const std::vector<int> first = ints_of(netdev);
    qemu_set_vnet_hdr_len(netdev, 12);
    const std::vector<int> second = ints_of(netdev);
    std::optional<size_t> found;
    for (size_t i = kFirst; i < before.size(); ++i) {
        if (first[i] == 10 && second[i] == 12) found = i;
    }
    if (found) qemu_set_vnet_hdr_len(netdev, before[*found]);
    return found;
}

}  // namespace

VnetLength::VnetLength(NetClientState* netdev) : netdev_(netdev) {
    if (!qemu_get_vnet_hdr_len) place_ = find_place(netdev);
}

size_t VnetLength::now() const {
    if (qemu_get_vnet_hdr_len) return static_cast<size_t>(std::max(qemu_get_vnet_hdr_len(netdev_), 0));
    if (!place_) return 0;
    int length;
    std::memcpy(&length, reinterpret_cast<const uint8_t*>(netdev_) + *place_ * sizeof(int), sizeof length);
    return static_cast<size_t>(std::max(length, 0));
}

}  // namespace colo
