// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/machine.h"

#include "packet/bytes.h"

namespace colo::sim::pair {

namespace {

ProxyPaths paths_in(const std::string& folder, Role role) {
    return {folder + ".vm",      folder + ".uplink",  folder + ".link", folder + ".qmp",
            folder + ".migrate", role == Role::kSecondary ? folder + ".incoming" : ""};
}

}  // namespace

Machine::Machine(Timeline& timeline, Random chance, const std::string& folder, Role role, ProtectedVmOptions options,
                 Snapshots& snapshots, Observer& observer)
    : observer_(observer), paths_(paths_in(folder, role)), port_(std::make_unique<Door>(paths_.uplink)) {
    options.role = role;
    qemu_ = std::make_unique<Qemu>(timeline, chance.fork(), QemuPaths{paths_.vm, paths_.qmp, paths_.incoming}, snapshots,
                                   [this] { proxy_->wake(); });
    proxy_ = std::make_unique<Proxy>(timeline, chance.fork(), paths_, std::move(options), [this] { proxy_turned(); },
                                     [this](const std::string& event) { observer_.machine_told(*this, event); });
    qemu_->connect_vm();
}

void Machine::proxy_turned() {
    qemu_->wake();
    read_uplink();
    observer_.machine_turned(*this);
}

void Machine::read_uplink() {
    if (!port_) return;
    if (!uplink_.is_open() || uplink_.is_at_end()) uplink_ = port_->accept();
    uplink_.read(said_);
    while (said_.size() >= 4) {
        const size_t end = 4 + load_be32(reinterpret_cast<const uint8_t*>(said_.data()));
        if (said_.size() < end) return;
        const std::string frame = said_.substr(4, end - 4);
        said_.erase(0, end);
        observer_.machine_sent(*this, frame);
    }
}

void Machine::arrive(const std::string& frame) {
    std::string size(4, '\0');
    store_be32(reinterpret_cast<uint8_t*>(size.data()), static_cast<uint32_t>(frame.size()));
    uplink_.write(size + frame);
    proxy_->wake();
}

void Machine::die() {
    proxy_->die();
    qemu_->die();
    uplink_.close();
    port_.reset();
}

}  // namespace colo::sim::pair
