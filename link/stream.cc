// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "link/stream_table.h"

namespace colo {

Stream::Stream(StreamTable& table, uint32_t id, bool is_ours, std::string service,
               std::string argument, uint32_t receive_window)
    : table_(&table),
      id_(id),
      is_ours_(is_ours),
      service_(std::move(service)),
      argument_(std::move(argument)),
      window_(receive_window) {}

Stream::~Stream() {
    user_ = nullptr;
    abort({LinkCode::kCancelled, service_ + ": given up"});
    if (table_) table_->detach(*this);
}

void Stream::set_user(User* user) {
    user_ = user;
    if (!user || !table_) return;
    due_readable_ = !is_over_ && (unread_ > 0 || peer_finished_);
    if (due_readable_ || due_writable_ || due_over_) table_->due(*this);
}

// --- writing

size_t Stream::sendable() const {
    if (is_over_ || finishing_) return 0;
    return std::min<uint64_t>(credit_, kMaxQueuedBytes - queued_);
}

/// With room for more.
Chunk& Stream::last_chunk() {
    constexpr uint32_t kFull = kHeaderBytes + kMaxDataBytes;
    if (outgoing_.empty() || outgoing_.back()->end >= kFull) {
        ChunkPtr& chunk = outgoing_.push();
        chunk = table_->owner_.outbox().pool().take();
        chunk->end = kHeaderBytes;
    }
    return *outgoing_.back();
}

MutableBytes Stream::space() {
    const size_t most = sendable();
    if (most == 0) {
        wants_space_ = !is_over_ && !finishing_;
        return {};
    }
    Chunk& chunk = last_chunk();
    const size_t room = kHeaderBytes + kMaxDataBytes - chunk.end;
    return {chunk.bytes + chunk.end, std::min(most, room)};
}

void Stream::commit(size_t size) {
    if (outgoing_.empty()) return;
    Chunk& chunk = *outgoing_.back();
    chunk.end += static_cast<uint32_t>(size);
    queued_ += size;
    credit_ -= size;
    bytes_out_ += size;
    if (size > 0) table_->ready(*this);
    if (chunk.end > kHeaderBytes) return;
    // It was begun for what did not come; the one ahead of it, if there is one, is full and stays.
    table_->owner_.outbox().pool().give(std::move(outgoing_.back()));
    outgoing_.pop_back();
}

size_t Stream::write(Bytes bytes) {
    size_t written = 0;
    while (written < bytes.size()) {
        const MutableBytes into = space();
        if (into.empty()) break;
        const size_t part = std::min(into.size(), bytes.size() - written);
        std::memcpy(into.data(), bytes.data() + written, part);
        commit(part);
        written += part;
    }
    return written;
}

void Stream::finish() {
    if (is_over_ || finishing_) return;
    finishing_ = true;
    wants_space_ = false;
    if (outgoing_.empty()) send_finish();
}

/// It follows the data, which is on the wire by now.
void Stream::send_finish() {
    finish_sent_ = true;
    table_->send(MessageType::kFinish, id_);
    send_done_if_due();
}

void Stream::send_done_if_due() {
    if (finish_sent_ && at_end() && !done_sent_) {
        done_sent_ = true;
        table_->send(MessageType::kDone, id_);
    }
    if (done_sent_ && peer_done_) over({});
}

/// The oldest, with its header. There is one.
ChunkPtr Stream::next_message() {
    ChunkPtr chunk = std::move(outgoing_.front());
    outgoing_.pop();
    MessageHeader header;
    header.length = chunk->size();
    header.channel = Channel::kStreams;
    header.type = MessageType::kData;
    header.serial = id_;
    encode(header, chunk->bytes);
    queued_ -= header.payload_size();
    if (outgoing_.empty() && finishing_) send_finish();
    return chunk;
}

// --- reading

Bytes Stream::peek() const {
    if (!incoming_.empty()) return incoming_[0]->content();
    return arriving_;
}

void Stream::consume(size_t size) {
    if (is_over_ || size == 0) return;
    unread_ -= size;
    bytes_in_ += size;
    grant(size);
    while (size > 0 && !incoming_.empty()) {
        Chunk& chunk = *incoming_.front();
        const auto part = static_cast<uint32_t>(std::min<size_t>(size, chunk.size()));
        chunk.begin += part;
        size -= part;
        if (chunk.size() > 0) break;
        table_->owner_.outbox().pool().give(std::move(incoming_.front()));
        incoming_.pop();
    }
    arriving_ = arriving_.subspan(std::min(size, arriving_.size()));
    if (at_end()) send_done_if_due();
}

size_t Stream::read(MutableBytes into) {
    size_t size = 0;
    while (size < into.size()) {
        const Bytes next = peek();
        if (next.empty()) break;
        const size_t part = std::min(next.size(), into.size() - size);
        std::memcpy(into.data() + size, next.data(), part);
        consume(part);
        size += part;
    }
    return size;
}

/// Often enough that the peer never waits for it, seldom enough that it costs nothing.
void Stream::grant(size_t size) {
    ungranted_ += size;
    if (peer_finished_ || ungranted_ < table_->ours_.window / 4) return;
    std::array<uint8_t, 4> payload;
    store_be32(payload.data(), static_cast<uint32_t>(ungranted_));
    table_->send(MessageType::kMessage, id_, LinkCode::kOk, payload);
    window_ += std::exchange(ungranted_, 0);
}

/// True: the user is to be told at once, while the bytes lie where they were received.
bool Stream::arrived(Bytes payload) {
    window_ -= payload.size();
    unread_ += payload.size();
    if (user_ && incoming_.empty()) {
        arriving_ = payload;
        return true;
    }
    store(payload);
    due_readable_ = true;
    table_->due(*this);
    return false;
}

void Stream::store(Bytes bytes) {
    while (!bytes.empty()) {
        if (incoming_.empty() || incoming_.back()->room() == 0) {
            incoming_.push() = table_->owner_.outbox().pool().take();
        }
        Chunk& chunk = *incoming_.back();
        const size_t part = std::min<size_t>(bytes.size(), chunk.room());
        std::memcpy(chunk.space().data(), bytes.data(), part);
        chunk.end += static_cast<uint32_t>(part);
        bytes = bytes.subspan(part);
    }
}

// --- the end

void Stream::abort(LinkStatus why) {
    if (is_over_) return;
    table_->send_abort(id_, why);
    over(std::move(why));
    table_->detach(*this);
}

/// What has come and was not consumed is gone, too: nothing is delivered after an abort.
void Stream::over(LinkStatus status) {
    is_over_ = true;
    status_ = std::move(status);
    drop_buffers();
    due_readable_ = due_writable_ = wants_space_ = false;
    due_over_ = true;
    table_->forget(*this);
    table_->due(*this);
}

void Stream::drop_buffers() {
    ChunkPool& pool = table_->owner_.outbox().pool();
    for (; !outgoing_.empty(); outgoing_.pop()) pool.give(std::move(outgoing_.front()));
    for (; !incoming_.empty(); incoming_.pop()) pool.give(std::move(incoming_.front()));
    queued_ = unread_ = 0;
    arriving_ = {};
}

}  // namespace colo
