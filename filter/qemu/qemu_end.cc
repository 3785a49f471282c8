// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/qemu_end.h"

#include "filter/qemu/qemu_abi.h"

namespace colo {

namespace {

bool g_ends = false;

void ends(QemuNotifier*, void*) { g_ends = true; }

QemuNotifier g_notifier{ends, {}};

}  // namespace

void watch_for_end_of_qemu() { qemu_register_shutdown_notifier(&g_notifier); }

bool qemu_ends() { return g_ends; }

void qemu_goes_on() { g_ends = false; }

}  // namespace colo
