// SPDX-License-Identifier: GPL-2.0-or-later
// Sources of a GMainContext that go when their owner goes, also from within their own callback.
#pragma once

#include <glib.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace colo {

struct DestroySource {
    void operator()(GSource* source) const {
        g_source_destroy(source);
        g_source_unref(source);
    }
};
using SourcePtr = std::unique_ptr<GSource, DestroySource>;

struct UnrefContext {
    void operator()(GMainContext* context) const { g_main_context_unref(context); }
};
using ContextPtr = std::unique_ptr<GMainContext, UnrefContext>;

/// How many sources this thread has made by the functions below.
uint64_t sources_made();

/// Calls `ready` whenever `fd` is `condition`, or has an error or hang-up.
SourcePtr watch_fd(GMainContext* context, int fd, GIOCondition condition,
                   std::function<void()> ready);

/// Calls `expired` once, after `ms` milliseconds; 0: as soon as the context runs.
SourcePtr after(GMainContext* context, unsigned ms, std::function<void()> expired);

}  // namespace colo
