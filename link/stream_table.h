// SPDX-License-Identifier: GPL-2.0-or-later
// The streams of a link: who has which number, whose turn it is to send, what the peer says of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/lifeline.h"
#include "link/outbox.h"
#include "link/stream.h"

namespace colo {

struct StreamLimits {
    uint32_t window = 1u << 20;    ///< bytes the peer may send ahead of what is consumed, a stream
    uint32_t max_streams = 256;    ///< that the peer may have opened at a time
};

struct StreamCounters {
    uint64_t opened = 0;    ///< by us
    uint64_t accepted = 0;  ///< of the peer's
    uint64_t refused = 0;   ///< of the peer's: too many
    uint64_t late = 0;      ///< messages for streams that were over
};

class StreamTable final : private BulkSource {
  public:
    class Owner {
      public:
        virtual Outbox& outbox() = 0;
        /// Something is to be sent or told: settle() and gather() are due.
        virtual void wake() = 0;
        /// The peer has opened one. Whoever destroys or aborts it refuses it.
        virtual void stream_offered(std::unique_ptr<Stream> stream) = 0;

      protected:
        ~Owner() = default;
    };

    StreamTable(Owner& owner, const StreamLimits& ours, bool connected);
    StreamTable(const StreamTable&) = delete;
    StreamTable& operator=(const StreamTable&) = delete;
    ~StreamTable();

    BulkSource& bulk() { return *this; }
    /// The peer's hello.
    void set_peer(const StreamLimits& theirs, std::string name);

    /// nullptr: the peer allows no more at a time, or no number is left.
    std::unique_ptr<Stream> open(std::string service, std::string argument);

    /// A message of Channel::kStreams that check() has passed. What the peer must not have sent; empty:
    /// nothing. False in `alive`: the table has gone meanwhile.
    std::string receive(const MessageHeader& header, Bytes payload, bool& alive);

    /// Tells the users what is due. False: the table has gone meanwhile.
    bool settle();

    /// All streams are over.
    void end_all(const LinkStatus& status);

    size_t size() const { return streams_.size(); }
    const StreamCounters& counters() const { return counters_; }

  private:
    friend class Stream;

    ChunkPtr next_bulk() override;
    std::string receive_open(const MessageHeader& header, Bytes payload);
    std::string receive_for(Stream& stream, const MessageHeader& header, Bytes payload,
                            bool& alive);
    std::string receive_data(Stream& stream, Bytes payload, bool& alive);
    std::string receive_credit(Stream& stream, Bytes payload);
    std::string receive_finish(Stream& stream);
    std::string receive_done(Stream& stream);
    void receive_abort(Stream& stream, const MessageHeader& header, Bytes payload);
    bool has_existed(uint32_t id) const;
    bool is_ours(uint32_t id) const { return id % 2 == next_id_ % 2; }

    void send(MessageType type, uint32_t id, LinkCode status = LinkCode::kOk, Bytes payload = {});
    void send_abort(uint32_t id, const LinkStatus& why);
    void ready(Stream& stream);
    void due(Stream& stream);
    void forget(Stream& stream);
    void detach(Stream& stream);
    void tell(Stream& stream);

    Owner& owner_;
    const StreamLimits ours_;
    StreamLimits theirs_{0, 0};
    std::string peer_name_ = "peer";
    uint32_t next_id_;          ///< ours: odd for who connected
    uint32_t last_peer_id_ = 0;
    uint32_t open_ours_ = 0;
    uint32_t open_theirs_ = 0;
    std::unordered_map<uint32_t, Stream*> streams_;
    std::vector<Stream*> ready_;  ///< that have data, the next one first
    std::vector<Stream*> due_;    ///< nullptr: has gone meanwhile
    StreamCounters counters_;
    Lifeline lifeline_;
};

}  // namespace colo
