// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/announcer.h"

#include <cstring>

namespace colo {

namespace {

/// What hosts begin with.
bool is_initial_ttl(uint8_t ttl) {
    return ttl == 255 || ttl == 128 || ttl == 64 || ttl == 32;
}

bool is_forwarded(const PacketView& view) {
    return !is_initial_ttl(view.data[view.l3_offset + (view.family == Family::kIpv6 ? 7 : 8)]);
}

MacAddress sender_of(const PacketView& view) {
    MacAddress mac;
    std::memcpy(mac.data(), view.source_mac(), mac.size());
    return mac;
}

}  // namespace

void Announcer::learn(const PacketView& view) {
    if (const auto message = parse_neighbour_message(view)) {
        const LinkAddress& told =
            message->kind == NeighbourMessage::Kind::kAnswer ? message->target : message->sender;
        if (!told.is_unspecified()) addresses_.learn(told, message->mac);
    } else if (const auto source = source_of(view); source && !is_forwarded(view)) {
        addresses_.learn(*source, sender_of(view));
    } else if (!source) {
        if (const auto station = station_of(view)) addresses_.learn(*station, sender_of(view));
    }
}

void Announcer::start(Time now) {
    rounds_ = 0;
    due_ = now;
    tick(now);
}

void Announcer::tick(Time now) {
    if (now < due_) return;
    announce_all();
    const Time pause = kFirstPause + rounds_ * kLongerPause;
    due_ = ++rounds_ < kRounds ? now + pause : kNever;
}

void Announcer::announce_all() {
    addresses_.for_each([this](const LinkAddress& address, const MacAddress& mac) {
        sink_.announce(make_announcement(pool_, address, mac));
    });
}

}  // namespace colo
