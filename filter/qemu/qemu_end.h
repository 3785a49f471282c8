// SPDX-License-Identifier: GPL-2.0-or-later
// Whether QEMU is about to end: `quit`, a signal, or a guest that has powered off. It then takes its netdevs down,
// and their filters with them, as a removal does, whatever state its VM is in.
#pragma once

namespace colo {

/// Once, before there are filters.
void watch_for_end_of_qemu();
bool qemu_ends();
/// With -no-shutdown a guest's power-off is no end.
void qemu_goes_on();

}  // namespace colo
