// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/port.h"

#include <stdexcept>

#include "filter/host.h"

namespace colo {

void Port::open(FilterHost& host, const Object& object, std::string_view key,
                const std::string& chardev, bool vnet) {
    open(host, object, key, chardev, vnet, vnet);
}

void Port::open(FilterHost& host, const Object& object, std::string_view key,
                const std::string& chardev, bool vnet_in, bool vnet_out) {
    open(host, object, key, host.chardev(object.what(), key, chardev), vnet_in, vnet_out);
}

void Port::open(FilterHost& host, const Object& object, std::string_view key, Chardev& chardev, bool vnet_in,
                bool vnet_out) {
    const auto framing = [](bool vnet) { return vnet ? Framing::kVnet : Framing::kPlain; };
    try {
        chardev.attach(*this, framing(vnet_in), framing(vnet_out));
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(object.what() + ": " + std::string(key) + ": " + error.what());
    }
    chardev_ = &chardev;
    outlet_ = std::make_unique<Outlet>(host, chardev, vnet_out);
}

void Port::close() {
    if (chardev_) chardev_->detach(*this);
    chardev_ = nullptr;
}

void Port::chardev_removed() { chardev_ = nullptr; }

}  // namespace colo
