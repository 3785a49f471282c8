// SPDX-License-Identifier: GPL-2.0-or-later
// A model of a QEMU 7.2 in COLO, as measured (qemu.md): its sockets, what it says on its monitor and its
// migration channel, and when its VM stands still. Each turn takes one message.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor/json.h"
#include "tests/sim/pair/guest.h"
#include "tests/sim/pair/socket.h"
#include "tests/sim/pair/timeline.h"

namespace colo::sim::pair {

struct QemuPaths {
    std::string vm;        ///< connects to it
    std::string qmp;       ///< listens there, as at the next one
    std::string incoming;  ///< empty: it boots
};

/// States of VMs, by the number that a migration carries instead of them.
using Snapshots = std::vector<Guest>;

class Qemu final : public Part {
  public:
    /// `wrote`: something may be there for the proxy.
    Qemu(Timeline& timeline, Random chance, const QemuPaths& paths, Snapshots& snapshots, std::function<void()> wrote);

    /// The proxy is there.
    void connect_vm();
    void die();
    bool vm_runs() const { return vm_runs_; }
    /// Checkpoints that have been loaded, or of which the loading was told.
    uint32_t checkpoints() const { return checkpoints_; }

  private:
    enum class State : uint8_t {
        kNone,
        // Primary
        kMigrate,
        kAwaitReady,
        kColo,
        kAwaitReply,
        kSend,
        kAwaitReceived,
        kAwaitLoaded,
        // Secondary
        kIncoming,
        kWait,
        kReceive,
        kLoad,
        // Either
        kBroken,  ///< waits for x-colo-lost-heartbeat
    };

    void turn() override;
    bool accept();
    bool serve_vm();
    bool serve_monitor();
    bool serve_channel();
    void give_out(TcpEndpoint::Out& out);
    void rest();

    // Monitor
    bool monitor_is_blocked() const;
    void answer(const std::string& line);
    Json execute(const std::string& command, const Json& arguments);
    Json migrate(const std::string& uri);
    Json query_status() const;
    void set_parameters(const Json& parameters);
    /// An event tells.
    void run_vm(bool runs);
    void lose_heartbeat();
    void end_channel();

    // Channel
    bool is_cut() const { return channel_.is_at_end(); }
    void break_off();
    void begin_checkpoint();
    void send_piece(State next);
    bool take_state();
    void load();
    bool take_word(uint32_t expected);
    void say(uint32_t message);
    bool is_primary_in_colo() const;

    const QemuPaths paths_;
    Snapshots& snapshots_;
    std::function<void()> wrote_;
    Guest guest_;
    bool vm_runs_;
    State state_;
    uint32_t checkpoints_ = 0;

    Socket vm_;
    std::string frame_;  ///< that has come in part
    std::unique_ptr<Door> monitor_door_;
    std::unique_ptr<Door> incoming_door_;
    Socket monitor_;
    bool has_greeted_ = false;
    std::string lines_;
    Socket channel_;
    std::string channel_in_;

    std::string migration_ = "none";  ///< query-migrate's status
    bool checkpoint_is_due_ = false;
    Time delay_ = seconds(20);  ///< x-checkpoint-delay
    Time periodic_at_ = kNever;
    std::vector<std::string> pieces_;  ///< of a state, still to be sent
};

}  // namespace colo::sim::pair
