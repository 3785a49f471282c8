// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/cable.h"

#include <algorithm>

#include "packet/bytes.h"

namespace colo::sim::pair {

Cable::Cable(Timeline& timeline, Random chance, const std::string& door, std::string to,
             std::function<void(size_t end)> delivered)
    : timeline_(timeline),
      chance_(chance),
      path_(door),
      to_(std::move(to)),
      delivered_(std::move(delivered)),
      door_(std::make_unique<Door>(door)),
      latency_(chance_.between(20'000, 800'000)) {}

void Cable::pump() {
    accept();
    for (const Shared& connection : connections_) {
        for (Socket& end : connection->ends) end.flush();
        for (const size_t from : {0, 1}) carry(connection, from);
    }
    connections_.remove_if([](const Shared& connection) {
        return !connection->ends[0].is_open() && !connection->ends[1].is_open();
    });
}

void Cable::accept() {
    while (door_) {
        Socket secondary = door_->accept();
        if (!secondary.is_open()) return;
        // A host that cannot be reached looks like one that refuses.
        Socket primary = cut_ == Cut::kNot ? Socket::to(to_) : Socket();
        if (!primary.is_open()) continue;
        connections_.push_back(std::make_shared<Connection>());
        connections_.back()->ends = {std::move(primary), std::move(secondary)};
        delivered_(0);
    }
}

/// Whole messages: length, u32be, in front of each.
void Cable::carry(const Shared& connection, size_t from) {
    Way& way = connection->ways[from];
    Socket& end = connection->ends[from];
    if (!end.is_open()) return;
    end.read(way.said);
    if (silenced_[from]) way.said.clear();
    while (way.said.size() >= 4) {
        const size_t size = load_be32(reinterpret_cast<const uint8_t*>(way.said.data()));
        if (way.said.size() < size) break;
        post(connection, from, way.said.substr(0, size));
        way.said.erase(0, size);
    }
    if (end.is_at_end() && !std::exchange(way.has_ended, true)) post(connection, from, {});
}

void Cable::post(const Shared& connection, size_t from, std::string message) {
    Way& way = connection->ways[from];
    way.last = std::max(way.last, timeline_.now() + Time(latency_ + chance_.below(latency_)));
    timeline_.at(way.last, [this, connection, from, message = std::move(message)] { arrive(connection, from, message); });
}

/// An empty message: the speaker has closed.
void Cable::arrive(const Shared& connection, size_t from, const std::string& message) {
    Socket& to = connection->ends[1 - from];
    if (cut_ != Cut::kNot || !to.is_open()) return;
    arriving_to_ = &to;
    arriving_ = message;
    timeline_.boundary();
    arriving_to_ = nullptr;
    if (cut_ != Cut::kNot || !to.is_open()) return;
    if (message.empty()) {
        to.close();
    } else {
        to.write(message);
    }
    delivered_(1 - from);
}

void Cable::cut(Cut how) {
    // In the middle of what is just arriving.
    if (arriving_to_ && !arriving_.empty() && cut_ == Cut::kNot)
        arriving_to_->write(arriving_.substr(0, chance_.below(arriving_.size())));
    cut_ = how;
    if (how != Cut::kClosed) return;
    for (const Shared& connection : connections_) {
        for (Socket& end : connection->ends) end.close();
    }
    connections_.clear();
    delivered_(0);
    delivered_(1);
}

/// What was under way is lost, and TCP's patience with it.
void Cable::mend() {
    cut(Cut::kClosed);
    cut_ = Cut::kNot;
}

}  // namespace colo::sim::pair
