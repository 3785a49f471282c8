// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's migration channel, carried between its socket and a stream of the link, and read as it passes
// (checkpoint/colo_channel.h). A message is told and held; hand_on() lets it pass.
//
//   primary's QEMU <--socket--> relay <==stream==> relay <--socket--> secondary's QEMU
//
// No byte is read that there is no room for. After the stream is gone our QEMU's last words are still
// read and told: whether RECEIVED was among them decides what a secondary continues from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/colo_channel.h"
#include "checkpoint/vm_health.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "link/stream.h"

namespace colo {

class MigrationRelay final : private ColoChannel::Sink, private Stream::User {
  public:
    /// Called from the loop, or from within hand_on(). Must not destroy the relay.
    class Owner {
      public:
        virtual void relay_message(ColoMessage message) = 0;
        /// Nothing more comes from our QEMU.
        virtual void relay_qemu_ended(const std::string& why) = 0;
        /// Nothing more comes from the peer's. kOk: its QEMU has closed its channel.
        virtual void relay_peer_ended(const LinkStatus& why) = 0;
        /// One of the two QEMUs does not speak COLO as we know it.
        virtual void relay_broken(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    static constexpr const char* kService = "migration";

    MigrationRelay(EventLoop& loop, Role role, std::unique_ptr<Stream> stream, Owner& owner);
    MigrationRelay(const MigrationRelay&) = delete;
    MigrationRelay& operator=(const MigrationRelay&) = delete;

    /// QEMU's socket, connected and without blocking.
    void attach(FileDescriptor socket);
    bool is_attached() const { return is_attached_; }
    void hand_on(ColoMessage message);
    /// Our QEMU's incoming half ends here. What it still says is read.
    void close_to_qemu();
    /// Ends it all at once.
    void close(const LinkStatus& why);

    const ColoChannel& channel() const { return channel_; }

  private:
    // ColoChannel::Sink
    void pass(ColoDirection direction, Bytes bytes) override;
    void held(ColoMessage message) override { owner_.relay_message(message); }
    void broken(const std::string& why) override { owner_.relay_broken(why); }
    // Stream::User
    void stream_readable(Stream&) override { from_peer(); }
    void stream_writable(Stream&) override { from_qemu(); }
    void stream_over(Stream& stream, const LinkStatus& status) override;

    ColoDirection outward() const {
        return role_ == Role::kPrimary ? ColoDirection::kForward : ColoDirection::kBack;
    }
    ColoDirection inward() const {
        return role_ == Role::kPrimary ? ColoDirection::kBack : ColoDirection::kForward;
    }
    bool is_stream_alive() const { return stream_ && !stream_->is_over(); }

    void from_qemu();
    bool read_qemu();
    bool take_from_qemu();
    bool send_owed_to_peer();
    void qemu_ended(const std::string& why);
    void from_peer();
    bool send_owed_to_qemu();
    void watch_input(bool on);
    void watch_output(bool on);

    EventLoop& loop_;
    const Role role_;
    Owner& owner_;
    std::unique_ptr<Stream> stream_;
    ColoChannel channel_;
    FileDescriptor socket_;
    bool is_attached_ = false;
    bool has_qemu_ended_ = false;
    bool is_closed_to_qemu_ = false;
    bool is_taking_outward_ = false;
    bool is_taking_inward_ = false;
    std::vector<uint8_t> buffer_;  ///< from our QEMU; [begin_, end_) is not taken yet
    size_t begin_ = 0;
    size_t end_ = 0;
    std::string owed_to_peer_;  ///< has passed, and there was no room for it
    std::string owed_to_qemu_;
    SourcePtr readable_;
    SourcePtr writable_;
};

}  // namespace colo
