// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/link_nic.h"

#include <array>
#include <cstring>
#include <utility>

#include "filter/framing.h"
#include "filter/link_message.h"

namespace colo {

namespace {

SendResult to_send_result(PacketResult result) {
    switch (result) {
        case PacketResult::kQueued:
            return SendResult::kQueued;
        case PacketResult::kFull:
            return SendResult::kFull;
        case PacketResult::kDown:
            break;
    }
    return SendResult::kNotConnected;
}

std::string wrong_size(size_t size) { return "a frame of " + std::to_string(size) + " bytes"; }

}  // namespace

LinkNic::LinkNic(SoleLink& link, const std::string& id, uint32_t number)
    : link_(link),
      number_(number),
      in_(id, LinkChannel::Way::kIn, *this),
      out_(id, LinkChannel::Way::kOut, *this) {}

// --- Out

PacketResult LinkNic::send(uint32_t kind, Bytes front, Bytes payload) {
    LinkSession* session = link_.session();
    return session ? session->send_packet({kind, number_, epoch_}, front, payload) : PacketResult::kDown;
}

SendResult LinkNic::send_frame(const Frame& frame) {
    const Bytes front = frame.front();
    if (front.empty()) return to_send_result(send(static_cast<uint32_t>(PacketKind::kFrame), frame.bytes()));
    std::array<uint8_t, 1 + kMaxFront> head;
    head[0] = static_cast<uint8_t>(front.size());
    std::memcpy(head.data() + 1, front.data(), front.size());
    return to_send_result(send(kVnetFramePacket, Bytes(head).first(1 + front.size()), frame.bytes()));
}

void LinkNic::begin_epoch() {
    ++epoch_;
    mark_epoch();
}

void LinkNic::mark_epoch() { send(static_cast<uint32_t>(PacketKind::kFence), {}); }

void LinkNic::tell(const OffsetMessage& message) {
    const EncodedOffsetMessage encoded(message);
    const bool told = send(static_cast<uint32_t>(PacketKind::kOffsets), encoded.bytes()) == PacketResult::kQueued;
    ++(told ? counters_.offsets_out : counters_.offsets_lost);
}

void LinkNic::ask(const Frame& question) { send(kQuestionPacket, question.bytes()); }

bool LinkNic::want_checkpoint(std::string_view why) {
    LinkSession* session = link_.session();
    return session && session->message(kWantsCheckpointMessage, epoch_, bytes_of(why));
}

void LinkNic::see_input(const Frame& frame, Time now) {
    for (User* user : users_) user->input_seen(frame, now);
}

// --- In

std::string LinkNic::take_frame(Frame&& frame, uint32_t epoch, Time now) {
    if (frame.size() == 0 || frame.size() > kMaxFrameBytes) return wrong_size(frame.size());
    if (epoch == epoch_) {
        in_.deliver(std::move(frame), now);
    } else {
        ++counters_.stale;
    }
    return {};
}

std::string LinkNic::take_vnet_frame(Frame&& frame, uint32_t epoch, Time now) {
    const uint32_t front = frame.size() > 0 ? frame.data()[0] : 0;
    if (!is_vnet_header_size(front)) return "a vnet header of " + std::to_string(front) + " bytes";
    if (frame.size() <= 1 + front) return wrong_size(0);
    frame.split_front(1, front);
    return take_frame(std::move(frame), epoch, now);
}

std::string LinkNic::take_offsets(Bytes payload, uint32_t epoch, Time now) {
    const auto message = decode_offset_message(payload);
    if (!message) return "offsets that are malformed";
    ++counters_.offsets_in;
    for (User* user : users_) user->offsets_told(*message, epoch == epoch_, now);
    return {};
}

std::string LinkNic::take_question(Frame&& frame, Time now) {
    if (frame.size() == 0 || frame.size() > kMaxFrameBytes) return wrong_size(frame.size());
    ++counters_.questions;
    for (User* user : users_) user->question_came(frame.share(), now);
    return {};
}

void LinkNic::take_mark(uint32_t epoch) {
    if (epoch == epoch_) return;
    for (User* user : users_) user->epoch_will_begin();
    epoch_ = epoch;
}

void LinkNic::link_changed(bool up, const std::string& reason) {
    for (User* user : users_) user->link_changed(up);
    for (LinkChannel* channel : {&in_, &out_}) channel->link_changed(up, reason);
}

bool LinkNic::wants_checkpoint(const std::string& why) {
    for (User* user : users_) {
        if (user->checkpoint_wanted(why)) return true;
    }
    return false;
}

}  // namespace colo
