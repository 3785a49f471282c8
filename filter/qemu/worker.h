// SPDX-License-Identifier: GPL-2.0-or-later
// Our thread in QEMU's process, with a context and a loop of its own. QEMU's thread may wait for it: it never
// waits for QEMU's, nor for any socket.
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "filter/qemu/wake.h"
#include "io/event_loop.h"

namespace colo {

class PluginHost;

class Worker {
  public:
    using Job = std::function<void(PluginHost& host)>;

    /// Throws std::runtime_error.
    Worker();
    /// What runs on the thread ends, and what was posted is not done any more.
    ~Worker();

    /// On our thread, in order with what was posted; returns when it is done. Throws what it throws.
    void call(const Job& job);
    void post(Job job);

  private:
    void run(std::promise<void>& started);
    void serve_until_stopped(EventLoop& loop, PluginHost& host) noexcept;
    void serve(PluginHost& host);

    Wake wake_;
    std::mutex mutex_;
    std::deque<Job> jobs_;  ///< guarded by the mutex
    bool stopped_ = false;  ///< of our thread
    std::thread thread_;
};

/// Made with its first use, and ended with the process.
Worker& worker();

}  // namespace colo
