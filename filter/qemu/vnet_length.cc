// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/vnet_length.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace colo {

namespace {

/// Of the struct, in ints; the length lies behind 256 bytes of text for people.
constexpr size_t kFirst = 256 / sizeof(int);
constexpr size_t kLast = 512 / sizeof(int);

/// virtio_net_hdr, which a tap begins with, and virtio_net_hdr_mrg_rxbuf.
constexpr int kShort = 10;
constexpr int kLong = 12;

std::vector<int> ints_of(NetClientState* netdev) {
    const size_t size = std::min(malloc_usable_size(netdev) / sizeof(int), kLast);
    std::vector<int> all(size);
    std::memcpy(all.data(), netdev, size * sizeof(int));
    return all;
}

/// No card has set it yet, or ever will (one without offloads): QEMU takes no 0, and ends itself.
void set_back(NetClientState* netdev, size_t place, int length) {
    qemu_set_vnet_hdr_len(netdev, length > 0 ? length : kShort);
    if (length == 0) std::memcpy(reinterpret_cast<uint8_t*>(netdev) + place * sizeof(int), &length, sizeof length);
}

/// QEMU 7.2 can set the length, and not say it: whatever follows two settings is it. Not of a netdev without vnet
/// headers: a tap would write them from then on.
std::optional<size_t> find_place(NetClientState* netdev) {
    if (!qemu_has_vnet_hdr(netdev)) return std::nullopt;
    const std::vector<int> before = ints_of(netdev);
    qemu_set_vnet_hdr_len(netdev, kShort);
    const std::vector<int> first = ints_of(netdev);
    qemu_set_vnet_hdr_len(netdev, kLong);
    const std::vector<int> second = ints_of(netdev);
    for (size_t i = kFirst; i < before.size(); ++i) {
        if (first[i] != kShort || second[i] != kLong) continue;
        set_back(netdev, i, before[i]);
        return i;
    }
    qemu_set_vnet_hdr_len(netdev, kShort);
    throw std::runtime_error("how long this QEMU's vnet headers are cannot be found out; a netdev with vnet_hdr=off has none");
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
