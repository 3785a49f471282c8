// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/backlogs.h"

namespace colo {

namespace {

constexpr size_t kMaxSpareKept = 64;

}  // namespace

void Backlogs::grow() {
    const uint32_t slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(std::make_unique<Backlog>());
    free_.reserve(slots_.size());
    free_.push_back(slot);
}

std::unique_ptr<KeptBytes> Backlogs::make_kept(Seq begin) {
    std::unique_ptr<KeptBytes> kept;
    if (spare_kept_.empty()) {
        kept = std::make_unique<KeptBytes>();
    } else {
        kept = std::move(spare_kept_.back());
        spare_kept_.pop_back();
    }
    kept->begin = begin;
    kept->bytes.clear();
    return kept;
}

void Backlogs::recycle(std::unique_ptr<KeptBytes> kept) {
    if (kept && spare_kept_.size() < kMaxSpareKept) spare_kept_.push_back(std::move(kept));
}

}  // namespace colo
