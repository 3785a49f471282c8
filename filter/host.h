// SPDX-License-Identifier: GPL-2.0-or-later
// All chardevs, netdevs and objects of a process, by id, and what they share. Errors are exceptions that
// name who and what; nothing is left of what failed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filter/chardev.h"
#include "filter/netdev.h"
#include "filter/object.h"
#include "filter/wire.h"
#include "io/event_loop.h"
#include "io/option_string.h"
#include "monitor/drop_events.h"
#include "monitor/json.h"
#include "packet/flow_key.h"
#include "packet/frame.h"

namespace colo {

class FilterHost {
  public:
    using Emit = std::function<void(const std::string& event, const Json& data)>;

    /// `emit` gets the events. The loop must outlive the host.
    FilterHost(EventLoop& loop, Emit emit);
    FilterHost(const FilterHost&) = delete;
    FilterHost& operator=(const FilterHost&) = delete;
    ~FilterHost();

    EventLoop& loop() { return loop_; }
    FramePool& pool() { return pool_; }
    const FlowHash& hash() const { return hash_; }

    void add_chardev(std::vector<Option> options);
    /// Not one that is in use.
    void remove_chardev(const std::string& id);
    void add_netdev(std::vector<Option> options);
    /// One that no option made.
    Netdev& adopt(std::unique_ptr<Netdev> netdev);
    /// One that no object stands on any more, with its wire.
    void remove_netdev(const std::string& id);
    /// Once, when all netdevs are there: joins those that name a peer.
    void wire_netdevs();
    /// The same for one VM's netdev and its peer, which are there.
    void wire(const std::string& vm);
    /// "qom-type" and "id" among them. Both phases of construction.
    Object& add_object(std::vector<Option> options);
    void remove_object(const std::string& id);
    /// One that no option made. Its second phase follows; it cannot be removed by then.
    Object& adopt(std::unique_ptr<Object> object);
    /// By who has made it, in use or not.
    void remove(const Object& object);

    /// `who` and `key` ask; they are in the message of the error when there is none.
    Chardev& chardev(const std::string& who, std::string_view key, const std::string& id);
    Netdev& netdev(const std::string& who, std::string_view key, const std::string& id);
    Wire& wire_of(const std::string& who, const std::string& netdev);
    /// nullptr: there is none.
    Object* object(std::string_view id) const;
    std::vector<Object*> objects() const;
    std::vector<Chardev*> chardevs() const;
    std::vector<Netdev*> netdevs() const;

    /// Somebody still waits for a peer before the set-up is complete. Throws as Chardev::is_waiting().
    bool is_waiting() const;

    /// Tells all objects.
    void fenced();
    /// The VM of this process goes on alone. False: no object goes on by itself.
    bool failed_over();
    /// It has come to that.
    bool is_alone() const { return is_alone_; }

    void emit(const std::string& event, const Json& data) { emit_(event, data); }
    /// Frames that were lost; an event, rate-limited.
    void dropped(std::string_view where, std::string_view reason, uint64_t count, Time now);

  private:
    template <typename Thing>
    using ById = std::map<std::string, std::unique_ptr<Thing>, std::less<>>;

    EventLoop& loop_;
    FramePool pool_;
    FlowHash hash_ = FlowHash::random();
    Emit emit_;
    DropEvents drops_;
    Timer drop_timer_;
    ById<Chardev> chardevs_;
    ById<Netdev> netdevs_;
    std::map<std::string, Wire*, std::less<>> wire_of_netdev_;
    std::vector<std::unique_ptr<Wire>> wires_;
    std::vector<std::unique_ptr<Object>> objects_;  ///< in the order they were made
    bool is_alone_ = false;
};

}  // namespace colo
