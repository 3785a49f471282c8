// SPDX-License-Identifier: GPL-2.0-or-later
// A conversation with one client, without its socket: bytes in, bytes out.
#pragma once

#include <string>
#include <string_view>

namespace colo {

/// What a session has of its connection.
class SessionOutput {
  public:
    virtual ~SessionOutput() = default;

    virtual void send(std::string text) = 0;
    /// The client does not read what it got: nothing new is begun until Session::resume().
    virtual bool full() const = 0;
    /// Nothing follows what has been sent.
    virtual void end() = 0;
    /// An answer that came outside of feed(), finish() and resume() has been dealt with.
    virtual void settled() = 0;
};

class Session {
  public:
    virtual ~Session() = default;

    /// What is said to a client that has just connected.
    virtual void start() {}
    /// Given only while idle().
    virtual void feed(std::string_view bytes) = 0;
    /// The client sends nothing more, but reads.
    virtual void finish() = 0;
    /// The output is not full any more.
    virtual void resume() = 0;
    /// All that was fed has been answered.
    virtual bool idle() const = 0;
    /// `line` is a QMP event.
    virtual void event(const std::string& line) { static_cast<void>(line); }
};

}  // namespace colo
