// SPDX-License-Identifier: GPL-2.0-or-later
// One direction of a line: delay, loss, duplicates, reordering.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "packet/time.h"
#include "tests/sim/random.h"
#include "tests/sim/wire.h"

namespace colo::sim {

struct Quality {
    Time least{0};
    Time most{0};
    uint32_t loss_permille = 0;
    uint32_t duplicate_permille = 0;
    uint32_t reorder_permille = 0;
};

/// A frame under way, with what its sender meant.
struct Parcel {
    ByteVector frame;
    Packet packet;
    uint32_t epoch = 0;
};

class Link {
  public:
    Link(const Quality& quality, Random random) : quality_(quality), random_(random) {}

    void send(Parcel parcel, Time now) {
        if (random_.chance(quality_.loss_permille)) return;
        if (random_.chance(quality_.duplicate_permille)) post(parcel, now);
        post(std::move(parcel), now);
    }
    Time next() const { return heap_.empty() ? kNever : heap_.top().at; }
    bool empty() const { return heap_.empty(); }
    Parcel take() {
        Parcel parcel = std::move(const_cast<Item&>(heap_.top()).parcel);
        heap_.pop();
        return parcel;
    }

  private:
    struct Item {
        Time at;
        uint64_t number;
        Parcel parcel;

        bool operator<(const Item& other) const {
            return at != other.at ? at > other.at : number > other.number;
        }
    };

    /// In order, but for those that are chosen to be late.
    void post(Parcel parcel, Time now) {
        const auto spread = static_cast<uint64_t>((quality_.most - quality_.least).count());
        Time at = now + quality_.least + Time(random_.below(spread + 1));
        if (random_.chance(quality_.reorder_permille)) {
            at = std::max(at, last_) + 2 * (quality_.most + microseconds(50));
        } else {
            at = last_ = std::max(at, last_);
        }
        heap_.push({at, number_++, std::move(parcel)});
    }

    Quality quality_;
    Random random_;
    Time last_{0};
    uint64_t number_ = 0;
    std::priority_queue<Item> heap_;
};

}  // namespace colo::sim
