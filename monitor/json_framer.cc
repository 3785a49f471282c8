// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_framer.h"

#include <utility>

namespace colo {

namespace {

bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}
bool is_opening(char byte) {
    return byte == '{' || byte == '[';
}
bool is_closing(char byte) {
    return byte == '}' || byte == ']';
}

}  // namespace

void JsonFramer::push(std::string_view bytes) {
    input_.erase(0, at_);
    at_ = 0;
    input_.append(bytes);
}

std::optional<JsonMessage> JsonFramer::next() {
    while (has_input()) {
        if (auto message = take(input_[at_++])) return message;
    }
    input_.clear();
    at_ = 0;
    return std::nullopt;
}

std::optional<JsonMessage> JsonFramer::finish() {
    if (state_ == State::kOutside) return complete();
    if (state_ == State::kInside) return broken("input ended inside an object", State::kBetween);
    return std::nullopt;
}

std::optional<JsonMessage> JsonFramer::take(char byte) {
    switch (state_) {
        case State::kBetween:
            if (is_space(byte)) return std::nullopt;
            return begin(byte);
        case State::kInside:
            return inside(byte);
        case State::kOutside:
            return outside(byte);
        case State::kSkipToObject:
            if (byte == '{') return begin(byte);
            if (byte == '\n') state_ = State::kBetween;
            return std::nullopt;
        case State::kSkipNested:
            skip_nested(byte);
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<JsonMessage> JsonFramer::begin(char byte) {
    text_.clear();
    depth_ = 0;
    quote_ = 0;
    escaped_ = false;
    if (!is_opening(byte)) {
        state_ = State::kOutside;
        return outside(byte);
    }
    state_ = State::kInside;
    return inside(byte);
}

std::optional<JsonMessage> JsonFramer::inside(char byte) {
    if (impossible(byte)) return broken("invalid byte", State::kSkipToObject);
    copy(byte);
    track(byte);
    if (depth_ == 0) return complete();
    if (depth_ > kMaxNesting) {
        return broken("more than " + std::to_string(kMaxNesting) + " levels", State::kSkipNested);
    }
    if (text_.size() > max_bytes_) {
        return broken("more than " + std::to_string(max_bytes_) + " bytes", State::kSkipNested);
    }
    return std::nullopt;
}

std::optional<JsonMessage> JsonFramer::outside(char byte) {
    if (impossible(byte)) return broken("invalid byte", State::kSkipToObject);
    if (is_opening(byte)) --at_;  // belongs to what comes next
    if (is_opening(byte) || byte == '\n') return complete();
    text_ += byte;
    if (text_.size() <= max_bytes_) return std::nullopt;
    return broken("more than " + std::to_string(max_bytes_) + " bytes", State::kSkipToObject);
}

void JsonFramer::skip_nested(char byte) {
    track(byte);
    if (depth_ == 0 || byte == '\n') state_ = State::kBetween;
}

/// Single quotes become double ones.
void JsonFramer::copy(char byte) {
    if (escaped_ && quote_ == '\'' && byte == '\'') {
        text_.back() = byte;  // only needed to be escaped in single quotes
    } else if (!escaped_ && byte == '\'' && quote_ != '"') {
        text_ += '"';
    } else if (!escaped_ && byte == '"' && quote_ == '\'') {
        text_ += "\\\"";
    } else {
        text_ += byte;
    }
}

void JsonFramer::track(char byte) {
    if (escaped_) {
        escaped_ = false;
    } else if (quote_ != 0) {
        escaped_ = byte == '\\';
        if (byte == quote_) quote_ = 0;
    } else if (byte == '"' || byte == '\'') {
        quote_ = byte;
    } else if (is_opening(byte)) {
        ++depth_;
    } else if (is_closing(byte)) {
        --depth_;
    }
}

/// Never part of JSON, so the other end has lost the thread. 0xFF is what agents send to say so.
bool JsonFramer::impossible(char byte) const {
    const auto value = static_cast<unsigned char>(byte);
    if (value == 0xff) return true;
    return value < 0x20 && (quote_ != 0 || !is_space(byte));
}

JsonMessage JsonFramer::complete() {
    state_ = State::kBetween;
    return {std::exchange(text_, {}), {}};
}

JsonMessage JsonFramer::broken(std::string why, State next) {
    text_ = {};
    state_ = next;
    // The offending byte may itself be where to begin again.
    if (state_ == State::kSkipToObject && at_ > 0 && input_[at_ - 1] == '\n') {
        state_ = State::kBetween;
    }
    return {{}, std::move(why)};
}

}  // namespace colo
