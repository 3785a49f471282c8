// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/host_lookup.h"

#include <atomic>
#include <stdexcept>
#include <utility>

#include "io/glib_source.h"

namespace colo {

/// Between the loop and a thread. The thread has it until it has attached the answer to the context.
struct HostLookup::Question {
    using Reference = std::shared_ptr<Question>;

    Question(GMainContext* asked_from, const std::string& its_host, const std::string& its_port, int its_type,
             Done to_be_told)
        : context(g_main_context_ref(asked_from)),
          host(its_host),
          port(its_port),
          type(its_type),
          done(std::move(to_be_told)) {}

    /// Never freed: threads may outlive main().
    static GThreadPool* threads() {
        static GThreadPool* const pool = g_thread_pool_new(ask_in_thread, nullptr, kMaxThreads, false, nullptr);
        return pool;
    }

    static void ask_in_thread(gpointer reference, gpointer) {
        const std::unique_ptr<Reference> question(static_cast<Reference*>(reference));
        (*question)->ask();
        (*question)->tell(*question);
    }

    void ask() {
        if (is_dropped) return;
        try {
            addresses = resolve(host, port, type);
        } catch (const std::runtime_error& failure) {
            error = failure.what();
        }
    }

    /// g_main_context_invoke() would call back from this thread when nobody runs the context just now.
    static void tell(const Reference& question) {
        GSource* source = g_idle_source_new();
        g_source_set_priority(source, G_PRIORITY_DEFAULT);
        g_source_set_callback(source, told, new Reference(question),
                              [](gpointer reference) { delete static_cast<Reference*>(reference); });
        g_source_attach(source, question->context.get());
        g_source_unref(source);
    }

    static gboolean told(gpointer reference) {
        Question& question = **static_cast<Reference*>(reference);
        const Done done = std::exchange(question.done, nullptr);
        if (done) done(std::move(question.addresses), question.error);
        return G_SOURCE_REMOVE;
    }

    const ContextPtr context;
    const std::string host;
    const std::string port;
    const int type;
    Done done;  ///< the loop's; null: nobody wants to know
    std::atomic<bool> is_dropped = false;
    std::vector<SocketAddress> addresses;
    std::string error;
};

HostLookup::HostLookup(GMainContext* context, const std::string& host, const std::string& port, int type,
                       Done done)
    : question_(std::make_shared<Question>(context, host, port, type, std::move(done))) {
    // Without a thread to spare it waits for one, as long as whoever asks has patience.
    g_thread_pool_push(Question::threads(), new Question::Reference(question_), nullptr);
}

HostLookup::~HostLookup() {
    question_->is_dropped = true;
    question_->done = nullptr;
}

}  // namespace colo
