// SPDX-License-Identifier: GPL-2.0-or-later
// What to ask a QEMU for its VmFacts, and what its answers say. Two rounds: of the second one the
// first says what there is to ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qemu/qmp_batch.h"
#include "qemu/vm_facts.h"

namespace colo {

class VmInspection {
  public:
    static std::vector<QmpRequest> first_round();
    /// A QEMU refuses what it does not know, which is a fact, too. Nothing, or why there are no
    /// facts to be had.
    std::optional<std::string> take_first(const QmpResults& results);
    std::vector<QmpRequest> second_round() const;
    std::optional<std::string> take_second(const QmpResults& results);

    const VmFacts& facts() const { return facts_; }

  private:
    struct Device {
        std::string type;
        std::string path;
    };

    void take_devices(const Json& list, const std::string& parent);

    VmFacts facts_;
    std::string cpu_path_;
    std::vector<Device> devices_;
};

}  // namespace colo
