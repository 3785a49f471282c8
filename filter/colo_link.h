// SPDX-License-Identifier: GPL-2.0-or-later
// colo-link: one connection between the filters of the two hosts, encrypted over TCP, in place of the
// chardevs between them (link=, nic=). See link/ for the connection and filter/link_nic.h for who says what.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "filter/link_nic.h"
#include "filter/object.h"
#include "filter/option_reader.h"
#include "filter/socket_options.h"
#include "filter/tls_creds.h"

namespace colo {

class ColoLink final : public Object, private SoleLink::Owner, private LinkUser {
  public:
    ColoLink(FilterHost& host, std::string id, OptionReader& options);

    ~ColoLink() override;

    void complete() override;
    std::vector<Property> properties() override;
    bool is_in_use() const override;

    /// Made when it is first asked for; at most kMostNics.
    LinkNic& nic(uint32_t number);
    /// "none", "connected", "lost".
    const char* peer_state() const { return state_; }

    static constexpr uint32_t kMostNics = 64;

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

    LinkEndpoint endpoint() const;
    std::string take(LinkNic& nic, const PacketHeader& header, Frame&& frame);
    void changed(bool up, const std::string& reason);

    FilterHost& host_;
    SocketOptions socket_;
    TlsPeer expected_;
    bool is_insecure_;
    SoleLink link_;
    const char* state_ = "none";
    std::string problem_;      ///< why nobody is there
    uint64_t unclaimed_ = 0;   ///< packets for a NIC that has no filter here
    uint64_t unanswered_ = 0;  ///< checkpoints that were wanted where nobody can ask for any
    std::map<uint32_t, std::unique_ptr<LinkNic>> nics_;
};

/// What a filter's options say of a link: link=, nic=.
struct LinkName {
    std::string link;  ///< empty: none
    uint32_t nic = 0;

    static LinkName read(OptionReader& options);
    /// The chardev that `key` names: it must be there, or else the link.
    std::string or_chardev(OptionReader& options, std::string_view key) const;
    explicit operator bool() const { return !link.empty(); }
    /// Throws std::invalid_argument that names `who`.
    LinkNic& find(FilterHost& host, const std::string& who) const;
    /// ColoLink::peer_state() of one that was found.
    const char* state(const FilterHost& host) const;
    std::vector<Property> properties() const;
};

}  // namespace colo
