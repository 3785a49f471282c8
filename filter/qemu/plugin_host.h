// SPDX-License-Identifier: GPL-2.0-or-later
// What runs on our thread: the filters' own halves, with what they share, and a monitor. All calls come from
// there.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "filter/host.h"
#include "filter/qemu/crossing_netdev.h"
#include "filter/qemu/filter_role.h"
#include "filter/qemu/hosted_pair.h"
#include "monitor/monitor.h"

namespace colo {

/// A filter as QEMU has made it.
struct FilterRequest {
    std::string id;
    const FilterRole* role = nullptr;
    std::string queue;
    bool on = true;
    std::vector<Option> options;
    std::shared_ptr<FilterCrossings> crossings;
};

/// A property of a filter as QEMU shows it.
struct PropertyInfo {
    std::string name;
    const char* type;
    bool can_be_set;
};

class PluginHost {
  public:
    explicit PluginHost(EventLoop& loop);
    ~PluginHost();

    /// "socket,id=c0,path=...". Throws as FilterHost, as do the next ones.
    void add_chardev(const std::string& options);
    /// "TYPE,id=...": what filters name.
    void add_object(const std::string& options);
    /// "unix:PATH" or a path.
    void serve_qmp(const std::string& address);
    void serve_text(const std::string& address);
    void serve_metrics(const std::string& address);

    std::vector<PropertyInfo> add_filter(const FilterRequest& request);
    /// All that came in for it has gone its way by then, or is what it holds.
    void switch_filter(const std::string& id, bool on);
    /// What it held has gone out. False: it has not, and the VM must not be heard from now on.
    bool remove_filter(const std::string& id);
    /// Frames that QEMU had no room for.
    void lost(const std::string& where, uint64_t count) { host_.dropped(where, "queue-full", count, host_.loop().now()); }

    /// What QEMU tells its filters on a secondary.
    void fenced() { host_.fenced(); }
    void failed_over() { host_.failed_over(); }
    /// QEMU's VM has been stopped, or continued.
    void tell_run_state(bool runs) { pair_.tell_run_state(runs); }
    /// QEMU is about to end: no filter is removed from a VM that goes on.
    void qemu_ends();
    /// Our thread ends.
    void part() { pair_.part("its QEMU ends"); }

    Value get(const std::string& filter, const std::string& property);
    void set(const std::string& filter, const std::string& property, const Value& value);

  private:
    struct Hosted {
        std::string vm;  ///< ids of netdevs
        std::string uplink;
        std::shared_ptr<FilterCrossings> crossings;
        std::unique_ptr<CrossingPort> port;
        std::optional<uint32_t> nic;  ///< its number; nothing: a plain filter
    };

    Hosted host_netdevs(const FilterRequest& request);
    void forget_netdevs(Hosted& hosted);
    void add_plain(const FilterRequest& request, const Hosted& hosted);
    void add_nic(const FilterRequest& request, Hosted& hosted);
    bool remove_nic(Hosted&& hosted);
    void forget_resting();
    std::vector<Property> properties_of(const std::string& filter);
    Property property_of(const std::string& filter, const std::string& name);

    Monitor monitor_;
    FilterHost host_;
    HostedPair pair_{host_, monitor_};
    std::map<std::string, Hosted> filters_;
    std::vector<Hosted> gone_;  ///< NICs that have been removed, and their VM not yet
    bool qemu_ends_ = false;
};

}  // namespace colo
