// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/glib_source.h"

#include <glib-unix.h>

namespace colo {

namespace {

using Callback = std::function<void()>;

thread_local uint64_t made;

gboolean call_for_fd(gint, GIOCondition, gpointer data) {
    (*static_cast<Callback*>(data))();
    return G_SOURCE_CONTINUE;
}

gboolean call_once(gpointer data) {
    (*static_cast<Callback*>(data))();
    return G_SOURCE_REMOVE;
}

void forget(gpointer data) {
    delete static_cast<Callback*>(data);
}

SourcePtr attach(GMainContext* context, GSource* source, GSourceFunc function, Callback callback) {
    ++made;
    g_source_set_callback(source, function, new Callback(std::move(callback)), forget);
    // Nobody iterates a context from within a callback. Without this GLib takes the source's fd off
    // the poll for the time of each call, with two writes to its eventfd and one needless turn.
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, context);
    return SourcePtr(source);
}

}  // namespace

uint64_t sources_made() { return made; }

SourcePtr watch_fd(GMainContext* context, int fd, GIOCondition condition, Callback ready) {
    return attach(context, g_unix_fd_source_new(fd, condition), G_SOURCE_FUNC(call_for_fd),
                  std::move(ready));
}

SourcePtr after(GMainContext* context, unsigned ms, Callback expired) {
    return attach(context, g_timeout_source_new(ms), call_once, std::move(expired));
}

}  // namespace colo
