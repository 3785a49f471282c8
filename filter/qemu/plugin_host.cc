// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/plugin_host.h"

#include <stdexcept>
#include <utility>

#include "filter/chardev_factory.h"
#include "filter/commands.h"
#include "filter/filter.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

std::string as_address(const std::string& path) {
    return (path.starts_with("unix:") ? path : "unix:" + path) + ",server=on,wait=off";
}

}  // namespace

PluginHost::PluginHost(EventLoop& loop)
    : monitor_(loop.context(), Version::from_text(COLO_PROXY_VERSION), {}),  // QEMU's own has a quit
      host_(loop, [this](const std::string& event, const Json& data) { monitor_.emit(event, data); }) {
    add_filter_commands(monitor_.commands(), host_);
}

PluginHost::~PluginHost() = default;

void PluginHost::add_chardev(const std::string& options) {
    host_.add_chardev(parse_options(options, kChardevImpliedKey));
}

void PluginHost::add_object(const std::string& options) { host_.add_object(parse_options(options, "qom-type")); }

void PluginHost::serve_qmp(const std::string& address) { monitor_.serve_qmp(as_address(address), "monitor"); }

void PluginHost::serve_text(const std::string& address) { monitor_.serve_text(as_address(address), "text-monitor"); }

void PluginHost::serve_metrics(const std::string& address) { monitor_.serve_metrics(address, "metrics"); }

PluginHost::Hosted PluginHost::host_netdevs(const FilterRequest& request) {
    Hosted hosted{request.id + ".vm", request.id + ".uplink", request.crossings, nullptr, std::nullopt};
    const VnetHeaders headers = request.role->side ? VnetHeaders::kExpanded : VnetHeaders::kKept;
    auto vm = std::make_unique<CrossingNetdev>(host_, hosted.vm, hosted.uplink, Direction::kRx, headers,
                                               request.crossings);
    auto uplink = std::make_unique<CrossingNetdev>(host_, hosted.uplink, "", Direction::kTx, headers,
                                                   request.crossings);
    hosted.port = std::make_unique<CrossingPort>(host_.loop(), request.crossings, *vm, *uplink);
    host_.adopt(std::move(uplink));
    host_.adopt(std::move(vm));
    return hosted;
}

void PluginHost::forget_netdevs(Hosted& hosted) {
    hosted.port.reset();
    host_.remove_netdev(hosted.vm);
    host_.remove_netdev(hosted.uplink);
}

std::vector<PropertyInfo> PluginHost::add_filter(const FilterRequest& request) {
    if (filters_.contains(request.id)) throw std::invalid_argument("'" + request.id + "' is taken");
    forget_resting();
    Hosted hosted = host_netdevs(request);
    try {
        request.role->side ? add_nic(request, hosted) : add_plain(request, hosted);
    } catch (...) {
        forget_netdevs(hosted);
        throw;
    }
    filters_.emplace(request.id, std::move(hosted));
    std::vector<PropertyInfo> all;
    for (const Property& property : properties_of(request.id)) {
        if (!is_qemus_option(property.name))
            all.push_back({property.name, property.type, static_cast<bool>(property.set)});
    }
    return all;
}

void PluginHost::add_plain(const FilterRequest& request, const Hosted& hosted) {
    host_.wire(hosted.vm);
    std::vector<Option> options{{"qom-type", request.role->object_type},
                                {"id", request.id},
                                {"netdev", hosted.vm},
                                {"queue", request.queue},
                                {"status", request.on ? "on" : "off"}};
    options.insert(options.end(), request.options.begin(), request.options.end());
    Object& object = host_.add_object(std::move(options));
    static_cast<Filter&>(object).refuse_status("is QEMU's to set: qom-set /objects/" + request.id + " status, in QEMU's monitor");
}

void PluginHost::add_nic(const FilterRequest& request, Hosted& hosted) {
    OptionReader reader("filter-colo-proxy '" + request.id + "'", request.options);
    if (request.queue != "all") reader.fail("queue", "must be all: a pair needs both ways");
    if (!request.on && *request.role->side == Role::kSecondary)
        reader.fail("status", "must be on: beside a secondary's VM both VMs would be heard");
    hosted.nic = pair_.add_nic(*request.role->side, {hosted.vm, hosted.uplink}, std::move(reader));
    if (!request.on) pair_.bypass(*hosted.nic, true);
}

void PluginHost::switch_filter(const std::string& id, bool on) {
    Hosted& hosted = filters_.at(id);
    hosted.port->run();
    if (hosted.nic) return pair_.bypass(*hosted.nic, !on);
    auto* filter = dynamic_cast<Filter*>(host_.object(id));
    if (!filter) throw std::runtime_error("'" + id + "' has been removed");
    filter->switch_on(on);
}

/// Our own monitor may have removed the object already.
bool PluginHost::remove_filter(const std::string& id) {
    Hosted hosted = std::move(filters_.extract(id).mapped());
    hosted.port->run();
    if (hosted.nic) return remove_nic(std::move(hosted));
    if (host_.object(id)) host_.remove_object(id);
    forget_netdevs(hosted);
    return true;
}

void PluginHost::qemu_ends() {
    if (!std::exchange(qemu_ends_, true)) pair_.qemu_ends();
}

/// The VM's other NICs go on; this one is a cable that has been pulled, unless the VM is at rest. At QEMU's end what is
/// held stays so: who goes on is the pair's affair.
bool PluginHost::remove_nic(Hosted&& hosted) {
    const bool may_be_heard = qemu_ends_ || pair_.let_go(*hosted.nic);
    hosted.crossings->is_open = false;
    hosted.port.reset();
    gone_.push_back(std::move(hosted));
    if (qemu_ends_) return true;
    if (pair_.remove_nic()) {
        for (Hosted& nic : gone_) forget_netdevs(nic);
        gone_.clear();
    } else {
        forget_resting();
    }
    return may_be_heard;
}

/// NICs that have been removed, where the VM can do without them now.
void PluginHost::forget_resting() {
    while (!gone_.empty() && pair_.is_resting()) {
        Hosted gone = std::move(gone_.back());
        gone_.pop_back();
        pair_.forget_nic(*gone.nic);
        const auto move_up = [&](Hosted& other) {
            if (other.nic && *other.nic > *gone.nic) --*other.nic;
        };
        for (auto& [id, other] : filters_) move_up(other);
        for (Hosted& other : gone_) move_up(other);
        forget_netdevs(gone);
    }
}

std::vector<Property> PluginHost::properties_of(const std::string& filter) {
    if (const auto found = filters_.find(filter); found != filters_.end() && found->second.nic)
        return pair_.properties();
    Object* object = host_.object(filter);
    if (!object) throw std::runtime_error("'" + filter + "' has been removed");
    return object->properties();
}

Property PluginHost::property_of(const std::string& filter, const std::string& name) {
    for (Property& property : properties_of(filter)) {
        if (property.name == name) return std::move(property);
    }
    throw std::runtime_error("'" + filter + "' has no property '" + name + "'");
}

Value PluginHost::get(const std::string& filter, const std::string& property) {
    return property_of(filter, property).get();
}

void PluginHost::set(const std::string& filter, const std::string& property, const Value& value) {
    try {
        property_of(filter, property).set(value);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(property + ": " + error.what());
    }
}

}  // namespace colo
