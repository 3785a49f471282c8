// SPDX-License-Identifier: GPL-2.0-or-later
// An object's hold on a chardev: attached from open() on, gone with either of them. One that only sends
// reads what comes in, too, and throws it away: a peer must never wait for us.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "filter/chardev.h"
#include "filter/object.h"
#include "filter/outlet.h"

namespace colo {

class Port final : public ChardevUser {
  public:
    using Take = std::function<void(Frame&& frame, Time now)>;
    /// Told that a peer has come or gone.
    using LinkChanged = std::function<void(bool up)>;

    /// `take` gets what comes in; empty: it is discarded and counted.
    explicit Port(Take take = {}, LinkChanged link_changed = {})
        : take_(std::move(take)), link_changed_(std::move(link_changed)) {}
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port() { close(); }

    /// Throws what names the object and `key` when there is no such chardev or it is in use.
    void open(FilterHost& host, const Object& object, std::string_view key, const std::string& chardev,
              bool vnet);
    /// The same where both directions do not have the same framing.
    void open(FilterHost& host, const Object& object, std::string_view key, const std::string& chardev,
              bool vnet_in, bool vnet_out);
    /// The same for a chardev that is at hand. `key`: who names it.
    void open(FilterHost& host, const Object& object, std::string_view key, Chardev& chardev, bool vnet_in,
              bool vnet_out);
    void close();

    bool is_open() const { return chardev_ != nullptr; }
    bool is_connected() const { return chardev_ && chardev_->is_connected(); }
    Chardev& chardev() { return *chardev_; }
    /// The port must be open.
    void send(Frame&& frame, Time now) { outlet_->send(std::move(frame), now); }

    void frame(Frame&& frame, Time now) override {
        if (take_) {
            take_(std::move(frame), now);
        } else {
            ++discarded_;
        }
    }
    void opened() override {
        if (link_changed_) link_changed_(true);
    }
    void closed(const std::string&) override {
        if (link_changed_) link_changed_(false);
    }
    void chardev_removed() override;

  private:
    Take take_;
    LinkChanged link_changed_;
    Chardev* chardev_ = nullptr;
    std::unique_ptr<Outlet> outlet_;
    uint64_t discarded_ = 0;
};

}  // namespace colo
