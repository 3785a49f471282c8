// SPDX-License-Identifier: GPL-2.0-or-later
// The link as a pair needs it: one peer at a time, which says first who it is. A primary listens, a
// secondary connects and tries again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "link/link_security.h"
#include "link/sole_link.h"
#include "pair/peer_message.h"

namespace colo {

struct PeerLinkOptions {
    /// Of an end; nullptr: in the clear. Throws as TlsCredentials does, or std::invalid_argument where the
    /// address may not be used without.
    using MakeTls = std::function<std::shared_ptr<TlsCredentials>(const ListenAddress& address)>;

    ListenAddress address;  ///< where it connects to, or listens
    MakeTls server_tls;     ///< may be empty: in the clear, as may the next one
    MakeTls client_tls;

    /// As the user has set it up. A survivor may listen elsewhere: each address is checked.
    static PeerLinkOptions secured(ListenAddress address, const LinkSecurity& security);
};

class PeerLink final : private SoleLink::Owner, private LinkUser {
  public:
    /// Called from the loop. Must not destroy the PeerLink.
    class Owner {
      public:
        /// The peer has said who it is.
        virtual void peer_connected(const PeerIdentity& peer) = 0;
        /// Only after peer_connected().
        virtual void peer_lost(const std::string& why) = 0;
        virtual void peer_packet(const PacketHeader& header, Frame&& frame) = 0;
        virtual void peer_packets_end() = 0;
        virtual void peer_said(PeerProcedure procedure, Bytes payload) = 0;
        /// False: there is no such procedure.
        virtual bool peer_called(const ControlHeader& header, Bytes payload) = 0;
        virtual void peer_heartbeat(Bytes payload) = 0;
        virtual void peer_opened(std::unique_ptr<Stream> stream) = 0;

      protected:
        ~Owner() = default;
    };

    PeerLink(EventLoop& loop, FramePool& pool, PeerLinkOptions options, Owner& owner);

    /// Our own; sent to whoever connects, and again when it changes.
    void set_identity(const PeerIdentity& identity);
    /// Also of the link that is there.
    void set_times(Time heartbeat, Time deadline);

    /// Throws std::runtime_error that names the address, or as PeerLinkOptions::MakeTls.
    void listen();
    /// The same at another address from now on; what has failed changes nothing.
    void listen_at(const ListenAddress& address);
    void connect();
    /// Whoever is there is told why, and gone.
    void hang_up(const std::string& why);
    /// Neither listens nor connects any more.
    void stop(const std::string& why);
    bool is_listening() const { return link_.is_listening(); }

    /// nullptr: nobody is there.
    LinkSession* session() {
        LinkSession* session = peer_ ? link_.session() : nullptr;
        return session && session->is_over() ? nullptr : session;
    }
    const std::optional<PeerIdentity>& peer() const { return peer_; }
    /// Why nobody is there.
    const std::string& problem() const { return problem_; }
    std::string address() const { return to_text(options_.address); }

    /// False: nobody is there, or does not listen.
    bool say(PeerProcedure procedure, Bytes payload = {});
    bool say(PeerProcedure procedure, const std::string& text);
    /// The same, heard after all packets that were sent before it. Where they fill their queue it goes before
    /// them: heard too early is better than never.
    bool say_after_packets(PeerProcedure procedure, const std::string& text);

  private:
    // SoleLink::Owner
    void link_began(LinkSession& session, const std::string& where) override;
    void link_failed(const std::string& why) override;
    // LinkUser
    void link_up(const Hello&) override {}
    void link_over(const LinkStatus& status) override;
    void packet(const PacketHeader& header, Frame frame) override;
    void packets_end() override;
    void control_message(const ControlHeader& header, Bytes payload) override;
    bool control_call(const ControlHeader& header, Bytes payload) override;
    void heartbeat(uint32_t, Bytes payload) override;
    void stream_offered(std::unique_ptr<Stream> stream) override;

    LinkEndpoint endpoint(bool connects, const ListenAddress& address) const;
    void introduced(Bytes payload);

    PeerLinkOptions options_;
    Owner& owner_;
    PeerIdentity identity_;
    Time heartbeat_ = milliseconds(200);
    Time deadline_ = seconds(3);
    std::string where_;
    std::string problem_ = "nobody has connected yet";
    SoleLink link_;
    std::optional<PeerIdentity> peer_;  ///< nothing: nobody is there, or has not said yet who it is
};

}  // namespace colo
