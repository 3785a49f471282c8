// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/worker.h"

#include <glib.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace colo {
namespace {

TEST(WorkerTest, JobsAreDoneInOrder) {
    Worker worker;
    std::string done;
    worker.post([&](PluginHost&) { done += "1"; });
    worker.post([&](PluginHost&) { done += "2"; });
    worker.call([&](PluginHost&) { done += "3"; });
    EXPECT_EQ(done, "123");
}

TEST(WorkerTest, WhoCallsGetsTheException) {
    Worker worker;
    EXPECT_THROW(worker.call([](PluginHost&) { throw std::runtime_error("no"); }), std::runtime_error);
    worker.call([](PluginHost&) {});
}

TEST(WorkerDeathTest, AnExceptionThatNobodyWaitsForIsToldBeforeQemuEnds) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Worker worker;
            worker.post([](PluginHost&) { throw std::runtime_error("the straw"); });
            worker.call([](PluginHost&) {});
        },
        "our thread has failed, and QEMU ends: the straw");
}

/// What still goes on there while it parts from its peers may have something to post.
TEST(WorkerDeathTest, TheProcesssOwnIsTheSameUntilItHasEnded) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto begin_looking = [](PluginHost&) {
        const auto look = [](gpointer made) -> gboolean {
            if (&worker() != made) _exit(1);
            worker().post([](PluginHost&) {});
            return G_SOURCE_CONTINUE;
        };
        GSource* source = g_idle_source_new();
        g_source_set_callback(source, look, &worker(), nullptr);
        g_source_attach(source, g_main_context_get_thread_default());
        g_source_unref(source);
    };
    EXPECT_EXIT(
        {
            worker().call(begin_looking);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace colo
