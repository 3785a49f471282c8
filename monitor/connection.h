// SPDX-License-Identifier: GPL-2.0-or-later
// A client's file descriptors and its session. Reads only what the session can take now; keeps what
// the client does not read, up to a limit; lets a client that has closed its sending half have its
// answers.
#pragma once

#include <glib.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "io/file_descriptor.h"
#include "io/glib_source.h"
#include "monitor/session.h"

namespace colo {

using SessionFactory = std::function<std::unique_ptr<Session>(SessionOutput& output)>;

/// Why a connection is over.
enum class Ending { kByClient, kOverflow, kTimeout };

struct ConnectionConfig {
    size_t max_queued_bytes = 4 << 20;  ///< with more to send the client is given up
    unsigned timeout_ms = 0;            ///< for all of it; 0: none
};

class Connection final : public SessionOutput {
  public:
    /// `out` may be invalid: then `in` serves for both. `ended` is called once and must not destroy
    /// the connection before it returns to the main loop. open() begins.
    Connection(GMainContext* context, FileDescriptor in, FileDescriptor out,
               const ConnectionConfig& config, std::function<void(Ending)> ended);

    void open(const SessionFactory& factory);
    Session& session() { return *session_; }
    bool is_over() const { return over_; }

    void send(std::string text) override;
    bool full() const override { return over_ || queued_ > kPauseBytes; }
    void end() override;
    void settled() override;

    /// With more to send nothing new is read or begun.
    static constexpr size_t kPauseBytes = 256 << 10;

  private:
    void read_some();
    void write_some();
    void write_more();
    void update_watches();
    void finish(Ending ending);
    int out_fd() const { return out_ ? out_.get() : in_.get(); }

    GMainContext* context_;
    FileDescriptor in_;
    FileDescriptor out_;
    ConnectionConfig config_;
    std::function<void(Ending)> ended_;
    std::deque<std::string> queue_;
    size_t queued_ = 0;    ///< bytes in it
    size_t written_ = 0;   ///< bytes of its front
    bool at_end_ = false;  ///< of the input
    bool ending_ = false;  ///< of the output: nothing follows what is queued
    bool over_ = false;
    SourcePtr readable_;
    SourcePtr writable_;
    SourcePtr hang_up_;
    SourcePtr timeout_;
    std::unique_ptr<Session> session_;  // last: goes first, it uses the rest
};

}  // namespace colo
