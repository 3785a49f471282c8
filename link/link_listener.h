// SPDX-License-Identifier: GPL-2.0-or-later
// Takes links on one port. Who has not said hello yet is looked after here, with a deadline and a bound;
// who has is the owner's.
#pragma once

#include <list>
#include <memory>

#include "io/listener.h"
#include "link/link_connection.h"

namespace colo {

class LinkListener {
  public:
    class Owner {
      public:
        /// The link is up. To refuse it, close its session and destroy it.
        virtual void link_accepted(std::unique_ptr<LinkConnection> connection) = 0;
        /// One did not come about: why, and with whom.
        virtual void link_refused(const std::string& where, const LinkStatus& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// Throws std::runtime_error that names the address.
    LinkListener(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint, Owner& owner);
    ~LinkListener();

    /// With the port that was taken.
    const std::string& name() const { return listener_.name(); }
    size_t greeting() const { return greeting_.size(); }
    uint64_t refused() const { return refused_; }

    /// That have not said hello yet. More wait in the system's queue, at most as long as the deadline.
    static constexpr size_t kMaxGreeting = 64;

  private:
    struct Greeting;

    void watch();
    void accept_some();
    void accept_failed(int error);
    void greet(FileDescriptor fd, const std::string& where);
    void came_up(Greeting& greeting);
    void failed(Greeting& greeting, const LinkStatus& why);
    std::unique_ptr<Greeting> take(Greeting& greeting);

    EventLoop& loop_;
    FramePool& pool_;
    LinkEndpoint endpoint_;
    Owner& owner_;
    Listener listener_;
    uint64_t refused_ = 0;
    std::list<std::unique_ptr<Greeting>> greeting_;
    SourcePtr acceptable_;
    SourcePtr again_;
};

}  // namespace colo
