// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/foreground.h"

#include <glib-unix.h>

#include <csignal>

namespace colo {

Foreground::Foreground() {
    for (const int number : {SIGINT, SIGTERM}) g_unix_signal_add(number, &Foreground::on_signal, this);
}

gboolean Foreground::on_signal(gpointer self) {
    static_cast<Foreground*>(self)->stop();
    return G_SOURCE_CONTINUE;
}

}  // namespace colo
