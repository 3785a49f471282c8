// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/slirp_stack.h"

#include <slirp/libslirp.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <stdexcept>

#include "packet/checksum.h"
#include "packet/view.h"

namespace colo {

namespace {

// A synthetic network, 10.0.2.0/24 as in QEMU.
constexpr uint32_t kNetwork = 0x0a000200;
constexpr uint32_t kNetmask = 0xffffff00;
constexpr uint32_t kHost = 0x0a000202;
constexpr uint32_t kNameServer = 0x0a000203;
constexpr uint32_t kGuest = 0x0a00020f;
constexpr uint32_t kForward = 0x0a000264;
constexpr uint16_t kForwardPort = 7;
constexpr uint16_t kFirstSourcePort = 1024;
constexpr uint8_t kGuestMac[6] = {0x52, 0x55, 0, 0, 0, 1};
constexpr uint8_t kHostMac[6] = {0x52, 0x55, 10, 0, 2, 2};
constexpr uint8_t kBroadcastMac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// libslirp rounds its socket buffers up to whole segments. With this MTU a segment divides them,
/// the window is exactly 128 KiB and no buffer is reallocated.
constexpr uint32_t kMtu = 2088;
static_assert(SlirpStack::kWindowBytes % (kMtu - 40) == 0);

// Offsets in a synthetic frame.
constexpr uint32_t kIpAt = 14;
constexpr uint32_t kIpLengthAt = kIpAt + 2;
constexpr uint32_t kIpChecksumAt = kIpAt + 10;
constexpr uint32_t kIpSourceAt = kIpAt + 12;
constexpr uint32_t kIpDestinationAt = kIpAt + 16;
constexpr uint32_t kTcpAt = kIpAt + 20;
constexpr uint32_t kTcpSeqAt = kTcpAt + 4;
constexpr uint32_t kTcpAckAt = kTcpAt + 8;
constexpr uint32_t kTcpFlagsAt = kTcpAt + 13;
constexpr uint32_t kTcpWindowAt = kTcpAt + 14;
constexpr uint32_t kTcpChecksumAt = kTcpAt + 16;

in_addr address(uint32_t host_order) {
    in_addr result{};
    result.s_addr = __builtin_bswap32(host_order);
    return result;
}

SlirpConfig configuration() {
    SlirpConfig config{};
    config.version = 4;
    config.restricted = 1;
    config.in_enabled = true;
    config.vnetwork = address(kNetwork);
    config.vnetmask = address(kNetmask);
    config.vhost = address(kHost);
    config.vnameserver = address(kNameServer);
    config.vdhcp_start = address(kGuest);
    config.if_mtu = kMtu;
    config.if_mru = kMtu;
    config.disable_host_loopback = true;
    config.disable_dns = true;
    config.disable_dhcp = true;
    return config;
}

/// All of libslirp's world but the frames it sends. The clock stands still: libslirp asks it only
/// when a frame waits for an ARP answer (none does, see announce_guest()), and for timers, which
/// run in slirp_pollfds_poll(), which is never called. Nothing has file descriptors either.
SlirpCb callbacks(SlirpWriteCb send) {
    SlirpCb table{};
    table.send_packet = send;
    table.guest_error = [](const char*, void*) {};
    table.clock_get_ns = [](void*) -> int64_t { return 0; };
    table.timer_new = [](SlirpTimerCb, void*, void*) -> void* { return nullptr; };
    table.timer_free = [](void*, void*) {};
    table.timer_mod = [](void*, int64_t, void*) {};
    table.register_poll_fd = [](int, void*) {};
    table.unregister_poll_fd = [](int, void*) {};
    table.notify = [](void*) {};
    table.init_completed = [](Slirp*, void*) {};
    table.timer_new_opaque = [](SlirpTimerId, void*, void*) -> void* { return nullptr; };
    return table;
}

}  // namespace

void SlirpStack::SlirpDeleter::operator()(Slirp* slirp) const {
    slirp_cleanup(slirp);
}

SlirpStack::SlirpStack() {
    static const SlirpCb table = callbacks(&SlirpStack::on_send);  // libslirp keeps the pointer
    const SlirpConfig config = configuration();
    slirp_.reset(slirp_new(&config, &table, this));
    if (!slirp_) throw std::runtime_error("libslirp: slirp_new failed");
    in_addr forward = address(kForward);
    if (slirp_add_guestfwd(slirp_.get(), &SlirpStack::on_receive, this, &forward, kForwardPort) !=
        0)
        throw std::runtime_error("libslirp: slirp_add_guestfwd failed");
    announce_guest();
    write_constant_headers();
}

// slirp_cleanup() frees the guest forward before the connections that refer to it, so they go
// first.
SlirpStack::~SlirpStack() {
    for (uint32_t i = 0; i < kMaxConnections; ++i)
        if (!(free_slots_ >> i & 1)) close(static_cast<Connection>(i));
}

/// A gratuitous ARP request: libslirp learns the guest's address from it and answers nothing.
/// Without it the first SYN-ACK would wait for an ARP answer. One guest, as the table has 16
/// entries.
void SlirpStack::announce_guest() {
    uint8_t arp[60] = {};
    std::copy_n(kBroadcastMac, 6, arp);
    std::copy_n(kGuestMac, 6, arp + 6);
    store_be16(arp + 12, ether_type::kArp);
    store_be16(arp + 14, 1);  // hardware: Ethernet
    store_be16(arp + 16, ether_type::kIpv4);
    arp[18] = 6;
    arp[19] = 4;
    store_be16(arp + 20, 1);  // request
    std::copy_n(kGuestMac, 6, arp + 22);
    store_be32(arp + 28, kGuest);
    store_be32(arp + 38, kGuest);
    slirp_input(slirp_.get(), arp, sizeof arp);
}

void SlirpStack::write_constant_headers() {
    uint8_t* f = frame_.data();
    std::copy_n(kHostMac, 6, f);
    std::copy_n(kGuestMac, 6, f + 6);
    store_be16(f + 12, ether_type::kIpv4);
    f[kIpAt] = 0x45;                    // version 4, 5 words
    store_be16(f + kIpAt + 6, 0x4000);  // don't fragment
    f[kIpAt + 8] = 64;                  // TTL
    f[kIpAt + 9] = ip_protocol::kTcp;
    store_be32(f + kIpSourceAt, kGuest);
    store_be32(f + kIpDestinationAt, kForward);
    store_be16(f + kTcpAt + 2, kForwardPort);
    f[kTcpAt + 12] = 0x50;  // 5 words
    store_be16(f + kTcpWindowAt, 65535);
}

/// The payload is in place behind the headers. libslirp verifies both checksums.
void SlirpStack::write_headers(Connection connection, Seq seq, uint8_t flags,
                               uint32_t payload_size) {
    uint8_t* f = frame_.data();
    store_be16(f + kIpLengthAt, static_cast<uint16_t>(40 + payload_size));
    store_be16(f + kIpChecksumAt, 0);
    store_be16(f + kIpChecksumAt, internet_checksum({f + kIpAt, 20}));
    store_be16(f + kTcpAt, static_cast<uint16_t>(kFirstSourcePort + connection));
    store_be32(f + kTcpSeqAt, seq.raw());
    store_be32(f + kTcpAckAt, flags & tcp_flag::kAck ? slots_[connection].ack.raw() : 0);
    f[kTcpFlagsAt] = flags;
    store_be16(f + kTcpChecksumAt, 0);
    // The pseudo header's addresses lie right before the TCP header; the rest of it is added.
    const uint32_t tcp_size = 20 + payload_size;
    const auto rest = static_cast<uint16_t>(ip_protocol::kTcp + tcp_size);
    const uint16_t sum = ones_sum({f + kIpSourceAt, 8 + tcp_size}, rest);
    store_be16(f + kTcpChecksumAt, static_cast<uint16_t>(~sum));
}

void SlirpStack::input(Connection connection, Seq seq, uint8_t flags, Bytes payload) {
    assert(fed_ == nullptr && "libslirp is not re-entrant");
    std::copy(payload.begin(), payload.end(), frame_.data() + kHeaderBytes);
    write_headers(connection, seq, flags, static_cast<uint32_t>(payload.size()));
    fed_ = &slots_[connection];
    slirp_input(slirp_.get(), frame_.data(), static_cast<int>(kHeaderBytes + payload.size()));
    fed_ = nullptr;
}

std::optional<SlirpStack::Connection> SlirpStack::open(Seq next) {
    if (full()) return std::nullopt;
    const auto connection = static_cast<Connection>(std::countr_zero(free_slots_));
    syn_ack_.reset();
    input(connection, next - 1, tcp_flag::kSyn);
    if (!syn_ack_) return std::nullopt;
    slots_[connection] = {next, *syn_ack_ + 1};
    input(connection, next, tcp_flag::kAck);
    free_slots_ &= ~(1ull << connection);
    return connection;
}

void SlirpStack::segment(Connection connection, Seq seq, Bytes bytes, Receiver& receiver) {
    receiver_ = &receiver;
    while (!bytes.empty()) {
        const Bytes part = bytes.first(std::min<size_t>(bytes.size(), kMaxPayloadBytes));
        input(connection, seq, tcp_flag::kAck, part);
        seq += static_cast<uint32_t>(part.size());
        bytes = bytes.subspan(part.size());
    }
    receiver_ = nullptr;
}

/// RST at the next position frees at once and is not answered.
void SlirpStack::close(Connection connection) {
    input(connection, next(connection), tcp_flag::kRst | tcp_flag::kAck);
    free_slots_ |= 1ull << connection;
}

/// libslirp's acks need no reading: it is synchronous and takes all that lies in the window.
int64_t SlirpStack::on_send(const void* frame, size_t size, void* self) {
    const PacketView view = parse({static_cast<const uint8_t*>(frame), size}, static_cast<uint32_t>(size));
    if (view.is_tcp() && view.has(tcp_flag::kSyn))
        static_cast<SlirpStack*>(self)->syn_ack_ = view.seq;
    return static_cast<int64_t>(size);
}

int64_t SlirpStack::on_receive(const void* bytes, size_t size, void* self) {
    auto* stack = static_cast<SlirpStack*>(self);
    if (stack->receiver_) {
        stack->fed_->next += static_cast<uint32_t>(size);
        stack->receiver_->receive({static_cast<const uint8_t*>(bytes), size});
    }
    return static_cast<int64_t>(size);
}

}  // namespace colo
