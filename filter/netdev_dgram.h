// SPDX-License-Identifier: GPL-2.0-or-later
// -netdev dgram: a frame a datagram, between two unix sockets or two UDP ports.
#pragma once

#include "filter/netdev_packet.h"

namespace colo {

struct DatagramAddress {
    std::string path;  ///< of a unix socket; empty: UDP
    std::string host;
    std::string port;
};

struct DatagramOptions {
    DatagramAddress local;
    DatagramAddress remote;
};

/// local.type=unix,local.path= | local.type=inet,local.host=,local.port=; the same with remote.
DatagramOptions take_dgram(OptionReader& options);

/// The file of a bound socket, which goes with its owner.
class SocketFile {
  public:
    explicit SocketFile(std::string path) : path_(std::move(path)) {}
    SocketFile(SocketFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    ~SocketFile();

  private:
    std::string path_;  ///< empty: none
};

class NetdevDgram final : public NetdevPacket {
  public:
    /// Throws std::runtime_error that names the netdev and the address.
    NetdevDgram(EventLoop& loop, FramePool& pool, const std::string& id, std::string peer,
                const DatagramOptions& options);

    const char* type() const override { return "dgram"; }

  private:
    SocketFile file_;
};

}  // namespace colo
