// SPDX-License-Identifier: GPL-2.0-or-later
// How long the vnet header is that frames of a netdev have in front: the guest's driver decides it, at run time.
#pragma once

#include <cstddef>
#include <optional>

#include "filter/qemu/qemu_abi.h"

namespace colo {

class VnetLength {
  public:
    /// Before frames flow. Throws std::runtime_error.
    explicit VnetLength(NetClientState* netdev);

    size_t now() const;

  private:
    NetClientState* netdev_;
    std::optional<size_t> place_;  ///< of the length in QEMU's struct, where QEMU has no function that tells
};

}  // namespace colo
