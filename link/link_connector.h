// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps a link up with whoever listens at an address: connects, and again when it is lost, less and less
// often while nobody is there.
#pragma once

#include <memory>
#include <string>

#include "io/socket_connector.h"
#include "link/link_connection.h"

namespace colo {

class LinkConnector final : private LinkUser {
  public:
    class Owner {
      public:
        /// The link is up; its session has the owner's user from now on.
        virtual void link_connected(LinkConnection& connection) = 0;
        /// An attempt failed; the next one follows. Told once for attempts that fail alike.
        virtual void link_failed(const LinkStatus& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// Begins at once. A host is looked up at each attempt.
    LinkConnector(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint, Owner& owner);
    LinkConnector(const LinkConnector&) = delete;
    LinkConnector& operator=(const LinkConnector&) = delete;

    /// nullptr: down.
    LinkConnection* connection() { return is_up_ ? connection_.get() : nullptr; }
    LinkSession* session() { return is_up_ ? &connection_->session() : nullptr; }
    /// After link_over(), from within it or later: the connection goes, and the next attempt follows.
    void reconnect();

    static constexpr unsigned kFirstPauseMs = 100;
    static constexpr unsigned kLongestPauseMs = 5000;
    /// A link that was up for less was none: the peer greets before it refuses. What it minds may pass soon (another
    /// peer that is about to go): pauses grow to no more than this.
    static constexpr unsigned kShortestLinkMs = 1000;

  private:
    void link_up(const Hello&) override;
    void link_over(const LinkStatus& status) override;
    void attempt();
    void connected(FileDescriptor fd, const std::string& error);
    void failed(const LinkStatus& why);
    void later();

    EventLoop& loop_;
    FramePool& pool_;
    LinkEndpoint endpoint_;
    Owner& owner_;
    const std::string name_;
    unsigned pause_ms_ = kFirstPauseMs;
    std::string told_;  ///< the failure told last
    bool is_up_ = false;
    Time up_since_{};
    std::unique_ptr<SocketConnector> connecting_;
    SourcePtr again_;
    std::unique_ptr<LinkConnection> connection_;
};

}  // namespace colo
