// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/proxy.h"

#include <array>

#include "filter/netdev_factory.h"
#include "monitor/json_value.h"
#include "qemu/qmp_client.h"
#include "tests/sim/pair/kernel.h"

namespace colo::sim::pair {

namespace {

std::vector<Option> netdev(const char* id, const std::string& path, bool is_server) {
    std::vector<Option> options{{"type", "stream"}, {"id", id}, {"server", is_server ? "on" : "off"},
                                {"addr.type", "unix"}, {"addr.path", path}};
    if (!is_server) options.push_back({"reconnect", "1"});
    return options;
}

}  // namespace

Proxy::Proxy(Timeline& timeline, Random chance, const ProxyPaths& paths, ProtectedVmOptions options,
             std::function<void()> turned, std::function<void(const std::string& event)> told)
    : Part(timeline, chance), context_(g_main_context_new()), turned_(std::move(turned)) {
    set_clock(now());
    seed_chance(this->chance().next());
    loop_ = std::make_unique<EventLoop>(context_);
    host_ = std::make_unique<FilterHost>(*loop_, [told = std::move(told)](const std::string& event, const Json& data) {
        told(event + " " + to_line(data));
    });
    host_->add_netdev(netdev("vm0", paths.vm, true));
    host_->add_netdev(netdev("up0", paths.uplink, false));
    options.nics = {{"vm0", "up0"}};
    options.link.address = {ListenAddress::Kind::kUnix, paths.link, {}, {}};
    options.make_qmp = QmpClient::maker(paths.qmp);
    options.migrate_path = paths.migrate;
    options.incoming_path = paths.incoming;
    auto vm = std::make_unique<ProtectedVm>(*host_, std::move(options));
    vm_ = vm.get();
    host_->adopt(std::move(vm));
    wake();
}

void Proxy::call(std::function<void(ProtectedVm& vm)> what) {
    if (!is_alive()) return;
    set_clock(now());
    calls_.push_back(after(context_, 0, [this, what = std::move(what)] { what(*vm_); }));
    wake();
}

void Proxy::die() {
    if (!is_alive()) return;
    set_dead();
    set_clock(now());
    calls_.clear();
    host_.reset();
    loop_.reset();
    g_main_context_unref(context_);
}

bool Proxy::is_paired() const { return mode() == "lockstep" || mode() == "simple"; }

void Proxy::turn() {
    timeline().boundary();
    if (!is_well()) return;
    set_clock(now());
    const bool more = loop_->iterate(false);
    turned_();
    if (!is_alive()) return;
    more ? wake() : look_at_deadline();
}

/// As the loop would tell poll().
void Proxy::look_at_deadline() {
    gint priority = 0;
    gint timeout = -1;
    std::array<GPollFD, 64> fds;
    g_main_context_acquire(context_);
    const bool is_ready = g_main_context_prepare(context_, &priority);
    g_main_context_query(context_, priority, &timeout, fds.data(), static_cast<gint>(fds.size()));
    g_main_context_release(context_);
    if (is_ready || timeout == 0) return wake();
    if (timeout > 0) wake_at(now() + milliseconds(timeout));
}

}  // namespace colo::sim::pair
