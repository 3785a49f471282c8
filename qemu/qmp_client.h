// SPDX-License-Identifier: GPL-2.0-or-later
// A QMP conversation over a unix socket: connects, and tries again for as long as it lives. QEMU
// serves one client a monitor at a time: behind another client nobody greets, which is said once.
#pragma once

#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/glib_source.h"
#include "io/socket_address.h"
#include "qemu/qmp.h"

namespace colo {

class QmpClient final : public Qmp, private QmpConversation::Sink {
  public:
    /// `what`: of whom messages speak ("primary's QEMU"). Throws std::invalid_argument when `path`
    /// is too long.
    QmpClient(EventLoop& loop, std::string what, const std::string& path, Observer& observer);

    /// Maker of one at `path`, where whoever needs one makes it.
    static Make maker(const std::string& path);

    void execute(const std::string& command, const Json& arguments, Time patience,
                 QmpConversation::Answer answer) override;
    bool is_ready() const override { return conversation_.is_ready(); }
    const std::string& problem() const override { return problem_; }
    std::optional<Time> owed_since() const override { return conversation_.owed_since(); }
    bool tells_passes() const override { return true; }

  private:
    void send(const std::string& line) override;
    void ready() override;
    void event(const std::string& name, const Json& data) override;
    void broken(const std::string& why) override;

    void try_connect();
    void read_some();
    void write_some();
    void close(const std::string& why);
    void set_timer();
    void tick();

    EventLoop& loop_;
    std::string what_;
    std::string path_;
    SocketAddress address_;
    Observer& observer_;
    QmpConversation conversation_;
    FileDescriptor socket_;
    std::string unsent_;
    std::string problem_;
    bool was_ready_ = false;  ///< the conversation there is, or was until just now
    std::string broken_;      ///< why the conversation cannot go on
    std::string told_;        ///< the problem that was logged last
    Time greeting_deadline_ = kNever;
    SourcePtr readable_;
    SourcePtr writable_;
    SourcePtr again_;
    Timer timer_;
};

}  // namespace colo
