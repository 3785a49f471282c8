// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/host.h"

#include <algorithm>
#include <stdexcept>

#include "filter/chardev_factory.h"
#include "filter/netdev_factory.h"
#include "filter/object_type.h"
#include "filter/tls_creds.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

template <typename Things>
void refuse_twins(const Things& things, const std::string& what, const std::string& id) {
    if (things.contains(id)) throw std::invalid_argument(what + " '" + id + "': id: is taken");
}

/// QEMU's rule for ids: a letter, then letters, digits, '-', '.', '_'.
bool is_id(std::string_view id) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto part = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    };
    return !id.empty() && letter(id.front()) && std::all_of(id.begin(), id.end(), part);
}

}  // namespace

FilterHost::FilterHost(EventLoop& loop, Emit emit)
    : loop_(loop),
      emit_(std::move(emit)),
      drops_([this](const Json& data) { emit_("COLO_PROXY_DROP", data); }),
      drop_timer_(loop, [this] {
          drops_.tick(loop_.now());
          drop_timer_.set(drops_.next_deadline());
      }) {}

/// The last first, but nobody before who names it: that may be an older one.
FilterHost::~FilterHost() {
    while (!objects_.empty()) {
        const auto last = std::find_if(objects_.rbegin(), objects_.rend(),
                                       [](const auto& object) { return !object->is_in_use(); });
        objects_.erase(last == objects_.rend() ? objects_.end() - 1 : std::prev(last.base()));
    }
}

void FilterHost::add_chardev(std::vector<Option> options) {
    const auto find_tls = [this](const std::string& who, const SocketOptions& socket) {
        return tls_credentials(*this, who, socket);
    };
    auto chardev = make_chardev(loop_, pool_, std::move(options), find_tls);
    refuse_twins(chardevs_, "chardev", chardev->id());
    const std::string id = chardev->id();
    chardevs_.emplace(id, std::move(chardev));
}

void FilterHost::remove_chardev(const std::string& id) {
    const auto found = chardevs_.find(id);
    if (found == chardevs_.end()) throw std::invalid_argument("Chardev '" + id + "' not found");
    if (found->second->is_in_use()) throw std::invalid_argument("Chardev '" + id + "' is busy");
    chardevs_.erase(found);
}

void FilterHost::add_netdev(std::vector<Option> options) { adopt(make_netdev(loop_, pool_, std::move(options))); }

Netdev& FilterHost::adopt(std::unique_ptr<Netdev> netdev) {
    refuse_twins(netdevs_, "netdev", netdev->id());
    const std::string id = netdev->id();
    return *netdevs_.emplace(id, std::move(netdev)).first->second;
}

void FilterHost::remove_netdev(const std::string& id) {
    if (const auto wired = wire_of_netdev_.find(id); wired != wire_of_netdev_.end()) {
        Wire* wire = wired->second;
        std::erase_if(wire_of_netdev_, [wire](const auto& entry) { return entry.second == wire; });
        std::erase_if(wires_, [wire](const auto& other) { return other.get() == wire; });
    }
    netdevs_.erase(id);
}

void FilterHost::wire_netdevs() {
    std::map<std::string, std::string> vm_of_uplink;
    for (const auto& [id, netdev] : netdevs_) {
        if (netdev->peer().empty()) continue;
        const auto fail = [&device = *netdev](const std::string& problem) {
            throw std::invalid_argument(device.what() + ": peer: " + problem);
        };
        if (netdev->peer() == id) fail("is the netdev itself");
        if (!netdevs_.contains(netdev->peer())) fail("no netdev '" + netdev->peer() + "'");
        if (!netdevs_.at(netdev->peer())->peer().empty())
            fail("'" + netdev->peer() + "' has a peer of its own");
        if (!vm_of_uplink.emplace(netdev->peer(), id).second)
            fail("'" + netdev->peer() + "' is the peer of '" + vm_of_uplink.at(netdev->peer()) + "'");
    }
    for (const auto& [id, netdev] : netdevs_) {
        if (!vm_of_uplink.contains(id)) wire(id);
    }
}

void FilterHost::wire(const std::string& vm) {
    Netdev& netdev = *netdevs_.at(vm);
    Netdev* uplink = netdev.peer().empty() ? nullptr : netdevs_.at(netdev.peer()).get();
    wires_.push_back(std::make_unique<Wire>(*this, netdev, uplink));
    wire_of_netdev_[vm] = wires_.back().get();
    if (uplink) wire_of_netdev_[uplink->id()] = wires_.back().get();
}

Object& FilterHost::add_object(std::vector<Option> options) {
    OptionReader header("object", options);
    const std::string name = header.need("qom-type");
    const ObjectType* type = ObjectType::find(name);
    if (!type) throw std::invalid_argument("invalid object type: " + clipped(name));
    const std::string id = header.need("id");
    if (!is_id(id)) header.fail("id", "'" + clipped(id) + "' is no id: letters, digits, '-', '.', '_'");
    OptionReader reader(name + " '" + id + "'", std::move(options));
    reader.take("qom-type");
    reader.take("id");
    if (object(id)) reader.fail("id", "is taken");
    auto made = type->make(*this, id, reader);
    reader.finish();
    made->complete();
    objects_.push_back(std::move(made));
    return *objects_.back();
}

Object& FilterHost::adopt(std::unique_ptr<Object> object) {
    if (this->object(object->id())) throw std::invalid_argument(object->what() + ": id: is taken");
    object->complete();
    objects_.push_back(std::move(object));
    return *objects_.back();
}

void FilterHost::remove_object(const std::string& id) {
    const auto found = std::find_if(objects_.begin(), objects_.end(),
                                    [&](const auto& object) { return object->id() == id; });
    if (found == objects_.end()) throw std::invalid_argument("object '" + id + "' not found");
    if ((*found)->is_in_use()) throw std::invalid_argument("object '" + id + "' is in use, can not be deleted");
    objects_.erase(found);
}

void FilterHost::remove(const Object& object) {
    std::erase_if(objects_, [&](const auto& held) { return held.get() == &object; });
}

Chardev& FilterHost::chardev(const std::string& who, std::string_view key, const std::string& id) {
    const auto found = chardevs_.find(id);
    if (found != chardevs_.end()) return *found->second;
    throw std::invalid_argument(who + ": " + std::string(key) + ": no chardev '" + id + "'");
}

Netdev& FilterHost::netdev(const std::string& who, std::string_view key, const std::string& id) {
    const auto found = netdevs_.find(id);
    if (found != netdevs_.end()) return *found->second;
    throw std::invalid_argument(who + ": " + std::string(key) + ": no netdev '" + id + "'");
}

Wire& FilterHost::wire_of(const std::string& who, const std::string& netdev) {
    const auto found = wire_of_netdev_.find(netdev);
    if (found != wire_of_netdev_.end()) return *found->second;
    throw std::invalid_argument(who + ": netdev: no netdev '" + netdev + "'");
}

Object* FilterHost::object(std::string_view id) const {
    for (const auto& object : objects_) {
        if (object->id() == id) return object.get();
    }
    return nullptr;
}

std::vector<Object*> FilterHost::objects() const {
    std::vector<Object*> all;
    for (const auto& object : objects_) all.push_back(object.get());
    return all;
}

std::vector<Chardev*> FilterHost::chardevs() const {
    std::vector<Chardev*> all;
    for (const auto& [id, chardev] : chardevs_) all.push_back(chardev.get());
    return all;
}

std::vector<Netdev*> FilterHost::netdevs() const {
    std::vector<Netdev*> all;
    for (const auto& [id, netdev] : netdevs_) all.push_back(netdev.get());
    return all;
}

bool FilterHost::is_waiting() const {
    bool waiting = false;
    for (const auto& [id, chardev] : chardevs_) waiting |= chardev->is_waiting();
    for (const auto& [id, netdev] : netdevs_) waiting |= netdev->is_waiting();
    return waiting;
}

void FilterHost::fenced() {
    for (const auto& object : objects_) object->fenced();
}

bool FilterHost::failed_over() {
    bool any = false;
    for (const auto& object : objects_) any |= object->failed_over(loop_.now());
    is_alone_ |= any;
    return any;
}

void FilterHost::dropped(std::string_view where, std::string_view reason, uint64_t count, Time now) {
    drops_.dropped(where, reason, count, now);
    drop_timer_.set(drops_.next_deadline());
}

}  // namespace colo
