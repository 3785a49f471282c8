// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_table.h"

#include <algorithm>
#include <utility>

namespace colo {

namespace {

constexpr uint64_t kMaxCredit = uint64_t{1} << 31;
constexpr size_t kMaxServiceBytes = 64;

std::string stream_name(uint32_t id) { return "stream " + std::to_string(id); }

/// A length, a byte; the service's name; the rest is its argument. False: it is malformed.
bool parse_open(Bytes payload, std::string& service, std::string& argument) {
    const size_t size = payload[0];
    if (size == 0 || size > kMaxServiceBytes || size >= payload.size() + 0u) return false;
    service = printable(text_of(payload.subspan(1, size)));
    argument = text_of(payload.subspan(1 + size));
    return true;
}

}  // namespace

StreamTable::StreamTable(Owner& owner, const StreamLimits& ours, bool connected)
    : owner_(owner), ours_(ours), next_id_(connected ? 1 : 2) {}

StreamTable::~StreamTable() {
    end_all({LinkCode::kLinkLost, "the link was given up"});
    for (Stream* stream : due_) {
        if (stream) stream->table_ = nullptr;
    }
}

void StreamTable::set_peer(const StreamLimits& theirs, std::string name) {
    theirs_ = theirs;
    if (!name.empty()) peer_name_ = std::move(name);
}

// --- ours

std::unique_ptr<Stream> StreamTable::open(std::string service, std::string argument) {
    const bool fits = !service.empty() && service.size() <= kMaxServiceBytes &&
                      1 + service.size() + argument.size() <= kMaxOpenBytes;
    if (!fits || open_ours_ >= theirs_.max_streams || next_id_ > UINT32_MAX - 2) return nullptr;
    const uint32_t id = std::exchange(next_id_, next_id_ + 2);
    const auto size = static_cast<uint8_t>(service.size());
    MessageHeader header;
    header.channel = Channel::kStreams;
    header.type = MessageType::kCall;
    header.serial = id;
    owner_.outbox().urgent().push(header, {{&size, 1}, bytes_of(service), bytes_of(argument)});
    owner_.wake();
    std::unique_ptr<Stream> stream(
        new Stream(*this, id, true, std::move(service), std::move(argument), ours_.window));
    stream->credit_ = theirs_.window;
    streams_[id] = stream.get();
    ++open_ours_;
    ++counters_.opened;
    return stream;
}

void StreamTable::send(MessageType type, uint32_t id, LinkCode status, Bytes payload) {
    MessageHeader header;
    header.channel = Channel::kStreams;
    header.type = type;
    header.serial = id;
    header.status = static_cast<uint32_t>(status);
    if (type == MessageType::kMessage) header.procedure = kCredit;
    owner_.outbox().urgent().push(header, payload);
    owner_.wake();
}

void StreamTable::send_abort(uint32_t id, const LinkStatus& why) {
    send(MessageType::kAbort, id, why.code, bytes_of(why.text).first(std::min<size_t>(why.text.size(), kMaxTextBytes)));
}

/// One message of each in turn.
ChunkPtr StreamTable::next_bulk() {
    if (ready_.empty()) return nullptr;
    Stream& stream = *ready_.front();
    ready_.erase(ready_.begin());
    ChunkPtr chunk = stream.next_message();
    stream.is_ready_ = !stream.outgoing_.empty();
    if (stream.is_ready_) ready_.push_back(&stream);
    if (std::exchange(stream.wants_space_, false)) {
        stream.due_writable_ = true;
        due(stream);
    }
    return chunk;
}

void StreamTable::ready(Stream& stream) {
    if (std::exchange(stream.is_ready_, true)) return;
    ready_.push_back(&stream);
    owner_.wake();
}

// --- theirs

bool StreamTable::has_existed(uint32_t id) const {
    return is_ours(id) ? id < next_id_ : id != 0 && id <= last_peer_id_;
}

std::string StreamTable::receive(const MessageHeader& header, Bytes payload, bool& alive) {
    if (header.type == MessageType::kCall) return receive_open(header, payload);
    const auto found = streams_.find(header.serial);
    if (found != streams_.end()) return receive_for(*found->second, header, payload, alive);
    if (!has_existed(header.serial)) return stream_name(header.serial) + ", which was never opened";
    ++counters_.late;
    return {};
}

std::string StreamTable::receive_open(const MessageHeader& header, Bytes payload) {
    const uint32_t id = header.serial;
    if (is_ours(id) || id <= last_peer_id_) return stream_name(id) + " opened out of order";
    std::string service;
    std::string argument;
    if (!parse_open(payload, service, argument)) return stream_name(id) + " opened to no service";
    last_peer_id_ = id;
    if (open_theirs_ >= ours_.max_streams) {
        ++counters_.refused;
        send_abort(id, {LinkCode::kTooMany, std::to_string(open_theirs_) + " streams are open"});
        return {};
    }
    std::unique_ptr<Stream> stream(
        new Stream(*this, id, false, std::move(service), std::move(argument), ours_.window));
    stream->credit_ = theirs_.window;
    streams_[id] = stream.get();
    ++open_theirs_;
    ++counters_.accepted;
    owner_.stream_offered(std::move(stream));
    return {};
}

std::string StreamTable::receive_for(Stream& stream, const MessageHeader& header, Bytes payload,
                                     bool& alive) {
    switch (header.type) {
        case MessageType::kData: return receive_data(stream, payload, alive);
        case MessageType::kMessage: return receive_credit(stream, payload);
        case MessageType::kFinish: return receive_finish(stream);
        case MessageType::kDone: return receive_done(stream);
        default: receive_abort(stream, header, payload); return {};
    }
}

std::string StreamTable::receive_data(Stream& stream, Bytes payload, bool& alive) {
    const uint32_t id = stream.id_;
    if (stream.peer_finished_) return "data after the end of " + stream_name(id);
    if (payload.size() > stream.window_) return "more data for " + stream_name(id) + " than it had credit for";
    if (!stream.arrived(payload)) return {};
    Lifeline::Watch life(lifeline_);
    stream.user_->stream_readable(stream);
    alive = !life.is_cut();
    if (!alive) return {};
    // What the user left, if there still is a user.
    const auto found = streams_.find(id);
    if (found == streams_.end()) return {};
    Stream& still = *found->second;
    still.store(std::exchange(still.arriving_, {}));
    return {};
}

std::string StreamTable::receive_credit(Stream& stream, Bytes payload) {
    const uint32_t more = load_be32(payload.data());
    if (more == 0 || stream.credit_ + more > kMaxCredit) {
        return "a credit of " + std::to_string(more) + " for " + stream_name(stream.id_);
    }
    stream.credit_ += more;
    if (std::exchange(stream.wants_space_, false)) {
        stream.due_writable_ = true;
        due(stream);
    }
    return {};
}

std::string StreamTable::receive_finish(Stream& stream) {
    if (stream.peer_finished_) return "a second end of " + stream_name(stream.id_);
    stream.peer_finished_ = true;
    stream.due_readable_ = true;
    due(stream);
    if (stream.at_end()) stream.send_done_if_due();
    return {};
}

std::string StreamTable::receive_done(Stream& stream) {
    if (!stream.finish_sent_ || stream.peer_done_) {
        return stream_name(stream.id_) + " done before it was finished, or twice";
    }
    stream.peer_done_ = true;
    stream.send_done_if_due();
    return {};
}

void StreamTable::receive_abort(Stream& stream, const MessageHeader& header, Bytes payload) {
    const auto code = static_cast<LinkCode>(header.status);
    const std::string text = printable(text_of(payload));
    stream.over({code == LinkCode::kOk ? LinkCode::kFailed : code,
                 peer_name_ + ": " + (text.empty() ? to_string(code) : text)});
}

// --- telling

void StreamTable::due(Stream& stream) {
    owner_.wake();
    if (std::exchange(stream.is_due_, true)) return;
    due_.push_back(&stream);
}

/// One that is over without a user stays: it is told when there is one.
bool StreamTable::settle() {
    Lifeline::Watch life(lifeline_);
    size_t kept = 0;
    for (size_t i = 0; i < due_.size(); ++i) {
        Stream* stream = due_[i];
        if (!stream) continue;
        if (stream->due_over_ && !stream->user_) {
            due_[kept++] = stream;
            continue;
        }
        due_[i] = nullptr;
        stream->is_due_ = false;
        tell(*stream);
        if (life.is_cut()) return false;
    }
    due_.resize(kept);
    return true;
}

/// What is not told now is due again.
void StreamTable::tell(Stream& stream) {
    if (!stream.user_) return;
    if (stream.due_over_) {
        stream.due_over_ = false;
        stream.table_ = nullptr;
        return stream.user_->stream_over(stream, stream.status_);
    }
    const bool writable = std::exchange(stream.due_writable_, false);
    if (std::exchange(stream.due_readable_, false)) {
        if (writable) {
            stream.due_writable_ = true;
            due(stream);
        }
        return stream.user_->stream_readable(stream);
    }
    if (writable) stream.user_->stream_writable(stream);
}

// --- the end

/// Its number is not used again.
void StreamTable::forget(Stream& stream) {
    if (streams_.erase(stream.id_) > 0) --(stream.is_ours_ ? open_ours_ : open_theirs_);
    if (std::exchange(stream.is_ready_, false)) std::erase(ready_, &stream);
}

/// There is nothing to tell it any more.
void StreamTable::detach(Stream& stream) {
    forget(stream);
    if (std::exchange(stream.is_due_, false)) std::ranges::replace(due_, &stream, nullptr);
    stream.due_over_ = false;
    stream.table_ = nullptr;
}

void StreamTable::end_all(const LinkStatus& status) {
    while (!streams_.empty()) streams_.begin()->second->over(status);
}

}  // namespace colo
