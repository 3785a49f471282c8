// SPDX-License-Identifier: GPL-2.0-or-later
// The network between two proxies: takes what the secondary says to its door and carries it to the
// primary's, message by message of the link, with a delay, and back. May be cut at any byte.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "tests/sim/pair/socket.h"
#include "tests/sim/pair/timeline.h"

namespace colo::sim::pair {

class Cable {
  public:
    enum class Cut : uint8_t {
        kNot,
        kClosed,  ///< both ends are told
        kSilent,  ///< nobody is told anything
    };

    /// `door`: where the secondary connects to. `to`: where the primary listens. `delivered`: something
    /// has come for the primary (0) or the secondary (1).
    Cable(Timeline& timeline, Random chance, const std::string& door, std::string to, std::function<void(size_t end)> delivered);

    /// Looks at what the proxies have said.
    void pump();
    /// A host that is gone says nothing more, not even what lies in its socket.
    void silence(size_t end) { silenced_[end] = true; }
    void cut(Cut how);
    void mend();
    bool is_cut() const { return cut_ != Cut::kNot; }
    /// Somebody else will listen there.
    void close_door() { door_.reset(); }

  private:
    struct Way {
        std::string said;  ///< not a whole message yet
        Time last{0};
        bool has_ended = false;
    };
    struct Connection {
        std::array<Socket, 2> ends;  ///< [0]: the primary's
        std::array<Way, 2> ways;     ///< by who speaks
    };
    using Shared = std::shared_ptr<Connection>;

    void accept();
    void carry(const Shared& connection, size_t from);
    void post(const Shared& connection, size_t from, std::string message);
    void arrive(const Shared& connection, size_t from, const std::string& message);

    Timeline& timeline_;
    Random chance_;
    const std::string path_;
    const std::string to_;
    std::function<void(size_t end)> delivered_;
    std::unique_ptr<Door> door_;
    Cut cut_ = Cut::kNot;
    std::array<bool, 2> silenced_{};
    std::list<Shared> connections_;
    Socket* arriving_to_ = nullptr;
    std::string arriving_;
    uint64_t latency_;  ///< in nanoseconds
};

}  // namespace colo::sim::pair
