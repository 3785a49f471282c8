// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/chardev.h"

#include <stdexcept>

namespace colo {

Chardev::~Chardev() {
    if (user_) std::exchange(user_, nullptr)->chardev_removed();
}

void Chardev::attach(ChardevUser& user, Framing in, Framing out) {
    if (user_) throw std::runtime_error("Device '" + id_ + "' is in use");
    user_ = &user;
    user_changed(&user);
    framing_changed(in, out);
}

void Chardev::detach(ChardevUser& user) {
    if (user_ != &user) return;
    user_ = nullptr;
    user_changed(nullptr);
}

}  // namespace colo
