// SPDX-License-Identifier: GPL-2.0-or-later
// Hosts, their links, clients, an operator and fate. One seed, one run: the proxies are real, with real
// sockets, on a discrete clock; at a boundary between two messages, or at any time, a part dies, stops,
// or the link is cut; who is left goes on, gets a new secondary, and it happens again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/pair/clients.h"
#include "tests/sim/pair/machine.h"
#include "tests/support/socket_rig.h"

namespace colo::sim::pair {

enum class Fate : uint8_t {
    kPrimaryVm,
    kSecondaryVm,
    kPrimaryProxy,
    kSecondaryProxy,
    kPrimaryHost,
    kSecondaryHost,
    kLink,
    kLinkBriefly,
    kPrimaryVmStops,  ///< SIGSTOP, for a while
    kSecondaryVmStops,
    kPrimaryProxyStops,
    kSecondaryProxyStops,
    kPrimaryTold,  ///< by the operator
    kSecondaryTold,
    kStopped,  ///< by the operator
    kCount,
};
const char* to_string(Fate fate);

/// What is not left to chance.
struct Plan {
    /// Of the last pair; nothing: chance.
    std::optional<Fate> fate;
    /// After so many messages since the pair was to be made.
    uint64_t boundary = 0;
    /// Pairs; 0: chance. Those before the last end with the primary's host.
    uint32_t pairs = 0;
};

struct Result {
    std::string violation;  ///< empty: none
    std::string outage;     ///< why nobody was left who might go on
    std::vector<std::string> story;
    uint64_t replies = 0;
    uint64_t checkpoints = 0;
    uint64_t takeovers = 0;  ///< a secondary went on alone
    uint64_t alone = 0;      ///< a primary did
    uint64_t pairs = 0;      ///< that came about
    uint64_t boundaries = 0; ///< from the last pair's beginning to its fate, or its first second
};

class World final : private Machine::Observer {
  public:
    explicit World(uint64_t seed, const Plan& plan = {});
    ~World();

    Result run();

  private:
    class FenceOfModel;
    enum class Stage : uint8_t { kAlone, kPair, kEnd };

    // Machine::Observer
    void machine_sent(Machine& machine, const std::string& frame) override;
    void machine_told(Machine& machine, const std::string& event) override;
    void machine_turned(Machine& machine) override;

    void choose_options();
    Machine* add_machine(Role role);
    void make_pair();
    void start();
    void arm();
    void strike();
    void strike_soon();
    void act(Fate fate);
    void stop_for_a_while(Part& part);
    void kill_qemu(Machine& machine);
    void cut_link();
    void kill_proxy(Machine& machine);
    void kill_host(Machine& machine);
    void fence(Machine& by, const Fencing::Done& done);

    void judge(Machine& machine);
    void to_clients(const Packet& packet);
    void to_machines(const Packet& packet);

    // The operator
    void look_after();
    void look_after_alone();
    void look_after_pair();
    bool is_left_to_primary() const;
    bool is_in_trouble() const;
    void survived_by_both();
    void settle(Machine& survivor);
    void command();
    Machine* choose();
    void tell(Machine& machine, bool with_force);

    Machine& other(const Machine& machine) { return &machine == primary_ ? *secondary_ : *primary_; }
    void outage(const std::string& why);
    void violated(const std::string& what);
    void note(const std::string& what);
    bool is_over() const { return !result_.violation.empty() || !result_.outage.empty() || stage_ == Stage::kEnd; }

    Random chance_;
    const Plan plan_;
    Timeline timeline_;
    Result result_;
    TemporaryFolder folder_;
    ProtectedVmOptions options_;
    Snapshots snapshots_;
    std::vector<std::unique_ptr<Machine>> machines_;  ///< all there ever were
    Machine* primary_ = nullptr;
    Machine* secondary_ = nullptr;
    std::vector<std::unique_ptr<Cable>> cables_;
    Cable* cable_ = nullptr;  ///< of the pair
    std::unique_ptr<Clients> clients_;
    uint32_t loss_permille_;
    Time last_to_clients_{0};
    Time last_to_machines_{0};

    Stage stage_ = Stage::kAlone;
    uint32_t pairs_left_;
    uint32_t strikes_left_ = 0;
    Time stage_since_{0};
    bool is_formed_ = false;      ///< the pair has come about
    bool is_starting_ = false;
    uint64_t pair_began_at_ = 0;  ///< boundary
    uint64_t strikes_at_ = 0;     ///< boundary; 0: not by boundaries
    bool has_struck_ = false;
    bool has_lost_news_ = false;  ///< what a proxy had said may not have arrived
    Machine* lone_ = nullptr;  ///< has served clients alone since the pair was made
    Machine* told_ = nullptr;  ///< whom the operator has chosen
    Time trouble_since_ = kNever;
    Time next_command_{0};
    bool has_refused_ = false;  ///< the one told, for good
    uint32_t refusals_ = 0;
    uint32_t start_failures_ = 0;
};

}  // namespace colo::sim::pair
