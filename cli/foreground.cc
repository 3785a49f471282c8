// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/foreground.h"

#include <glib-unix.h>

#include <csignal>

#include "link/gentle_close.h"

namespace colo {

namespace {

constexpr Time kFarewell = milliseconds(300);

}  // namespace

Foreground::Foreground() {
    for (const int number : {SIGINT, SIGTERM}) g_unix_signal_add(number, &Foreground::on_signal, this);
}

gboolean Foreground::on_signal(gpointer self) {
    static_cast<Foreground*>(self)->stop();
    return G_SOURCE_CONTINUE;
}

void Foreground::part_gently() {
    const Time end = loop_.now() + kFarewell;
    wake_.set(end);
    do {
        loop_.iterate(true);
    } while (closing_gently() > 0 && loop_.now() < end);
}

}  // namespace colo
