// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/secondary_feed.h"

#include <utility>

namespace colo::sim {

void SecondaryFeed::note_client(const Packet& packet) {
    if (packet.tuple.udp) return;
    if (packet.has(kSyn) || packet.has(kRst)) {
        clients_.erase(packet.tuple);
        return;
    }
    if (!packet.has(kAck)) return;
    Client& client = clients_[packet.tuple];
    const bool newer =
        client.last_ack.flags == 0 || static_cast<int32_t>(packet.ack - client.last_ack.ack) >= 0;
    if (!newer) return;
    client.last_ack = packet;
    client.last_ack.seq += static_cast<uint32_t>(packet.length());
    client.last_ack.flags = kAck;
    client.last_ack.payload.clear();
    client.last_ack.sack.clear();
}

bool SecondaryFeed::fits(const Packet& packet, const Host& secondary) {
    const TcpEndpoint* endpoint = secondary.find(packet.tuple);
    if (packet.tuple.udp || packet.payload.empty() || !endpoint) return true;
    const auto edge = endpoint->right_edge();
    const auto end = packet.seq + static_cast<uint32_t>(packet.payload.size());
    return !edge || static_cast<int32_t>(end - *edge) <= 0;
}

bool SecondaryFeed::admit(const Packet& packet, const Host& secondary) {
    if (fits(packet, secondary)) return true;
    if (waiting_.size() < kMostWaiting) waiting_.push_back(packet);
    return false;
}

std::vector<Packet> SecondaryFeed::ready(const Host& secondary) {
    std::vector<Packet> ready;
    std::erase_if(waiting_, [&](Packet& packet) {
        if (!fits(packet, secondary)) return false;
        ready.push_back(std::move(packet));
        return true;
    });
    return ready;
}

const Packet* SecondaryFeed::answer(const Packet& from_secondary,
                                    const std::function<Packet(const Packet&)>& map, Time now) {
    const auto found = clients_.find(from_secondary.tuple);
    if (found == clients_.end() || from_secondary.has(kRst)) return nullptr;
    Client& client = found->second;
    if (now - client.answered < kInterval) return nullptr;
    const uint32_t ack = map(client.last_ack).ack;
    const auto length = static_cast<uint32_t>(from_secondary.length());
    const auto beyond = static_cast<int32_t>(from_secondary.seq + length - ack);
    const bool acknowledged = length > 0 && beyond <= 0;
    const bool probe =
        (length == 0 && beyond < 0) || (length == 1 && beyond == 1 && client.last_ack.window == 0);
    if (!acknowledged && !probe) return nullptr;
    client.answered = now;
    return &client.last_ack;
}

}  // namespace colo::sim
