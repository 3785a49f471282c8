// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/worker.h"

#include <signal.h>

#include <cstdlib>

#include "filter/qemu/plugin_host.h"
#include "io/log.h"
#include "link/gentle_close.h"

namespace colo {

namespace {

/// QEMU's own threads take its signals: one started meanwhile takes none.
class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_;
};

Worker* g_worker = nullptr;

}  // namespace

Worker::Worker() {
    std::promise<void> started;
    const SignalsBlocked blocked;
    thread_ = std::thread([&] { run(started); });
    try {
        started.get_future().get();
    } catch (...) {
        thread_.join();
        throw;
    }
}

Worker::~Worker() {
    post([this](PluginHost&) { stopped_ = true; });
    thread_.join();
}

void Worker::run(std::promise<void>& started) {
    pthread_setname_np(pthread_self(), "colo-proxy");
    const ContextPtr context(g_main_context_new());
    g_main_context_push_thread_default(context.get());
    try {
        EventLoop loop(context.get());
        PluginHost host(loop);
        const SourcePtr jobs = watch_fd(context.get(), wake_.fd(), G_IO_IN, [&] { serve(host); });
        started.set_value();
        serve_until_stopped(loop, host);
    } catch (...) {
        started.set_exception(std::current_exception());
    }
    g_main_context_pop_thread_default(context.get());
}

/// No exception is expected here. Without our thread QEMU would run on and its VM be cut off, with nobody to tell
/// what has become of it, and QEMU's monitor would wait for us for ever: it ends as by any other crash of ours,
/// which the peer knows how to take.
void Worker::serve_until_stopped(EventLoop& loop, PluginHost& host) noexcept {
    try {
        loop.run(stopped_);
        host.part();
        part_gently(loop);
    } catch (const std::exception& error) {
        log_error("colo-proxy", std::string("our thread has failed, and QEMU ends: ") + error.what());
        std::abort();
    }
}

void Worker::serve(PluginHost& host) {
    wake_.lower();
    while (!stopped_) {
        Job job;
        {
            const std::lock_guard lock(mutex_);
            if (jobs_.empty()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job(host);
    }
}

void Worker::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.raise();
}

void Worker::call(const Job& job) {
    std::promise<void> done;
    post([&](PluginHost& host) {
        try {
            job(host);
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

Worker& worker() {
    if (!g_worker) {
        g_worker = new Worker;
        std::atexit([] {
            delete g_worker;  // which posts to itself meanwhile
            g_worker = nullptr;
        });
    }
    return *g_worker;
}

}  // namespace colo
