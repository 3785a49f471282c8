// SPDX-License-Identifier: GPL-2.0-or-later
// A link with one peer at a time. Listens, and refuses a second one; or connects, and again when the
// link is lost.
#pragma once

#include <memory>
#include <string>

#include "link/link_connector.h"
#include "link/link_listener.h"

namespace colo {

class SoleLink final : private LinkListener::Owner, private LinkConnector::Owner {
  public:
    /// Called from the loop. Must not destroy the SoleLink.
    class Owner {
      public:
        /// It is up: the owner gives the session its user, whose link_over() calls ended().
        virtual void link_began(LinkSession& session, const std::string& where) = 0;
        /// One did not come about.
        virtual void link_failed(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    SoleLink(EventLoop& loop, FramePool& pool, Owner& owner) : loop_(loop), pool_(pool), owner_(owner) {}

    /// Either of them, in place of what was. Throws std::runtime_error that names the address, and changes
    /// nothing then.
    void listen(const LinkEndpoint& endpoint);
    void connect(const LinkEndpoint& endpoint);
    bool is_listening() const { return listener_ != nullptr; }
    /// "tcp:HOST:PORT" with the port that was taken, or "unix:PATH".
    const std::string& name() const { return name_; }
    /// nullptr: nobody is there.
    LinkSession* session() { return session_; }
    const LinkSession* session() const { return session_; }
    /// From within link_over(), or later: another link may come.
    void ended();
    /// Neither listens nor connects any more. Who is there is to have been told why.
    void stop();

  private:
    // LinkListener::Owner
    void link_accepted(std::unique_ptr<LinkConnection> connection) override;
    void link_refused(const std::string& where, const LinkStatus& why) override;
    // LinkConnector::Owner
    void link_connected(LinkConnection& connection) override;
    void link_failed(const LinkStatus& why) override;

    void begin(LinkConnection& connection);
    void refuse(LinkConnection& connection);

    EventLoop& loop_;
    FramePool& pool_;
    Owner& owner_;
    std::string name_;
    LinkSession* session_ = nullptr;
    bool has_refused_ = false;  ///< somebody, since its peer came
    std::unique_ptr<LinkListener> listener_;
    std::unique_ptr<LinkConnection> accepted_;
    std::unique_ptr<LinkConnector> connector_;
    SourcePtr parting_;  ///< lets a link that is over go
};

}  // namespace colo
