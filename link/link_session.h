// SPDX-License-Identifier: GPL-2.0-or-later
// One link with the peer, without its socket: bytes in, bytes out. From the hello to the end: the
// channels, their order of precedence, calls and their replies, heartbeats, streams. Knows no clock and
// no descriptors: the time is handed in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/lifeline.h"
#include "link/hello.h"
#include "link/stream_table.h"
#include "packet/receive_buffer.h"
#include "packet/time.h"

namespace colo {

struct LinkConfig {
    std::string name;        ///< ours, at most Hello::kMaxNameBytes: "primary"
    bool connected = false;  ///< whether we connected (and not they)
    StreamLimits streams;
    std::vector<Capability> capabilities;          ///< ours
    std::vector<std::string> known_capabilities;   ///< of the peer's
    Time heartbeat_interval = milliseconds(200);
    Time deadline = seconds(3);        ///< nothing heard for so long: the link is lost
    Time hello_deadline = seconds(5);  ///< for TLS handshake and hello together
    size_t max_packet_bytes = 64u << 20;  ///< queued and not committed to the wire
};

/// What a packet message is: ours; the link carries any.
enum class PacketKind : uint32_t {
    kFrame = 1,    ///< payload: a frame, vnet header in front if the two sides agreed on one
    kFence = 2,    ///< from here on `epoch` holds
    kOffsets = 3,  ///< of a flow, before what depends on them
};

struct PacketHeader {
    uint32_t kind = 0;   ///< PacketKind or the user's own
    uint32_t port = 0;   ///< the user's: which NIC, which direction
    uint32_t epoch = 0;
};

enum class PacketResult : uint8_t { kQueued, kFull, kDown };

/// A control message or call of the peer's.
struct ControlHeader {
    uint32_t procedure = 0;
    uint32_t serial = 0;  ///< of a call: for reply()
    uint32_t epoch = 0;
};

/// Who uses a link. Called from the link's turn of the loop; may destroy it.
class LinkUser {
  public:
    /// The peer's hello has come: all below is possible from now on.
    virtual void link_up(const Hello& peer) = 0;
    /// Once, also when it was never up. Streams have been told, calls answered.
    virtual void link_over(const LinkStatus& status) = 0;

    /// In the order in which they were sent, each once. The frame lies where it was received.
    virtual void packet(const PacketHeader&, Frame) {}
    /// There are no more packets in what was received together.
    virtual void packets_end() {}
    virtual void control_message(const ControlHeader&, Bytes) {}
    /// To be answered by LinkSession::reply(), now or later. False: nobody knows the procedure, which is
    /// the answer.
    virtual bool control_call(const ControlHeader&, Bytes) { return false; }
    virtual void heartbeat(uint32_t /*epoch*/, Bytes) {}
    /// The peer has opened one, service() says to what. Refused when it is aborted or destroyed.
    virtual void stream_offered(std::unique_ptr<Stream> stream) {
        stream->abort({LinkCode::kNoService, "there is no service '" + stream->service() + "'"});
    }

  protected:
    ~LinkUser() = default;
};

struct LinkCounters {
    uint64_t packets_in = 0;
    uint64_t packets_out = 0;
    uint64_t packets_full = 0;  ///< refused: the queue was full
    uint64_t packet_bytes_lost = 0;  ///< queued when the link went
    uint64_t calls_in = 0;
    uint64_t calls_out = 0;
    uint64_t calls_refused = 0;  ///< of the peer's: too many at a time
    uint64_t late_replies = 0;   ///< to calls that are not waiting
    uint64_t messages_in = 0;
    uint64_t messages_out = 0;
    uint64_t heartbeats_in = 0;
    uint64_t heartbeats_out = 0;
    uint64_t heartbeats_skipped = 0;  ///< the last one had not gone out
};

class LinkSession final : private StreamTable::Owner {
  public:
    /// Who carries the bytes.
    class Carrier {
      public:
        /// settle() and gather() are due, at the end of the turn.
        virtual void session_woke() = 0;

      protected:
        ~Carrier() = default;
    };
    using Answer = std::function<void(const LinkStatus& status, Bytes payload)>;

    LinkSession(const LinkConfig& config, LinkUser& user, Carrier& carrier, Time now);
    LinkSession(const LinkSession&) = delete;
    LinkSession& operator=(const LinkSession&) = delete;
    ~LinkSession();

    // --- for who uses it

    /// Who is told from now on; who was is told nothing more.
    void set_user(LinkUser& user) { user_ = &user; }
    bool is_up() const { return state_ == State::kUp; }
    /// The peer's; empty before it is up.
    const Hello& peer() const { return peer_; }
    /// "secondary", for messages; "peer" before it is up.
    const std::string& peer_name() const { return peer_name_; }

    /// The payload is copied. In order with all other packets.
    PacketResult send_packet(const PacketHeader& header, Bytes payload) {
        return send_packet(header, {}, payload);
    }
    /// The same with something in front: a vnet header.
    PacketResult send_packet(const PacketHeader& header, Bytes front, Bytes payload);
    /// Packet bytes that are not on the wire.
    size_t queued_packets() const { return outbox_.packets().bytes(); }

    /// `answer` is called once, from the loop; with an error when the link goes. At most kMaxCalls at a
    /// time and kMaxControlBytes: else false, and it is not called.
    bool call(uint32_t procedure, uint32_t epoch, Bytes payload, Answer answer);
    /// False: not sent, because the link is not up, it is too long, or the peer does not read.
    bool message(uint32_t procedure, uint32_t epoch, Bytes payload);
    /// To a call of the peer's. A second reply, and one to nobody, is ignored.
    void reply(uint32_t serial, const LinkStatus& status, Bytes payload = {});

    /// What each heartbeat says from now on; at most kMaxHeartbeatBytes, the rest is cut.
    void set_heartbeat(uint32_t epoch, Bytes payload);
    /// Out of turn.
    void send_heartbeat();
    /// Of the config, at run time.
    void set_times(Time heartbeat_interval, Time deadline);
    /// When something of the peer's came last.
    Time last_heard() const { return last_heard_; }

    /// nullptr: the link is not up, or the peer has as many of ours open as it allows. What is written
    /// at once goes out at once; if the peer refuses, the stream is over.
    std::unique_ptr<Stream> open(std::string service, std::string argument = {});

    /// Tells the peer, then ends: streams are over, calls answered with `why`.
    void close(LinkStatus why);

    const LinkCounters& counters() const { return counters_; }
    const StreamCounters& stream_counters() const { return streams_.counters(); }
    size_t streams() const { return streams_.size(); }

    static constexpr size_t kMaxCalls = 256;  ///< under way, each direction
    /// Of messages that wait; above it call() and message() refuse.
    static constexpr size_t kMaxUrgentBytes = 1u << 20;
    /// Above it the peer asks more than it reads, and the link ends.
    static constexpr size_t kTooUrgentBytes = 4u << 20;

    // --- for who carries it

    /// Takes the whole messages there are off `buffer`. False: the session has been destroyed meanwhile.
    bool receive(ReceiveBuffer& buffer, Time now);
    /// Tells users what is due. False: destroyed meanwhile.
    bool settle();
    size_t gather(std::span<iovec> vectors) { return outbox_.gather(vectors); }
    void consume(size_t count) { outbox_.consume(count); }
    /// Looks at deadlines, and sends heartbeats.
    void tick(Time now);
    Time next_deadline() const;
    /// The connection has gone: nothing more can be said.
    void lost(LinkStatus why);
    /// Nothing is taken any more; what gather() still gives may be sent.
    bool is_over() const { return state_ == State::kOver; }
    const LinkStatus& status() const { return status_; }

  private:
    enum class State : uint8_t { kHello, kUp, kOver };

    Outbox& outbox() override { return outbox_; }
    void wake() override { carrier_.session_woke(); }
    void stream_offered(std::unique_ptr<Stream> stream) override;

    void send_hello();
    bool take_next(ReceiveBuffer& buffer, bool& packets);
    bool is_acceptable(const MessageHeader& header);
    void take_packet(ReceiveBuffer& buffer, const MessageHeader& header);
    bool dispatch(const MessageHeader& header, Bytes payload);
    void receive_link(const MessageHeader& header, Bytes payload);
    void receive_hello(Bytes payload);
    void receive_goodbye(const MessageHeader& header, Bytes payload);
    void receive_control(const MessageHeader& header, Bytes payload);
    void receive_call(const MessageHeader& header, Bytes payload);
    void receive_reply(const MessageHeader& header, Bytes payload);
    void violated(const std::string& what);
    void over(LinkStatus status);
    void push(MessageHeader& header, Bytes payload);
    void say_goodbye(LinkCode code, std::string_view text);
    bool has_room() const { return outbox_.urgent().bytes() < kMaxUrgentBytes; }
    void answer_all();

    LinkConfig config_;
    LinkUser* user_;
    Carrier& carrier_;
    StreamTable streams_;
    Outbox outbox_;
    State state_ = State::kHello;
    LinkStatus status_;
    bool told_over_ = false;
    Hello peer_;
    std::string peer_name_ = "peer";

    uint32_t next_serial_ = 1;
    std::unordered_map<uint32_t, Answer> calls_;      ///< ours
    std::unordered_set<uint32_t> calls_of_peer_;

    uint32_t heartbeat_epoch_ = 0;
    std::vector<uint8_t> heartbeat_;
    Time started_;
    Time last_heard_;
    Time last_tick_;
    Time next_heartbeat_;
    LinkCounters counters_;
    Lifeline lifeline_;
};

}  // namespace colo
