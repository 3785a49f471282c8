// SPDX-License-Identifier: GPL-2.0-or-later
// A loop of its own, frames as they look on a stream, and users that write down what they are told.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filter/chardev.h"
#include "filter/netdev.h"
#include "packet/frame.h"
#include "tests/support/loop_rig.h"

namespace colo {

using Texts = std::vector<std::string>;

inline std::string be32(size_t value) {
    std::string text(4, '\0');
    store_be32(reinterpret_cast<uint8_t*>(text.data()), static_cast<uint32_t>(value));
    return text;
}

inline std::string plain(const std::string& data) { return be32(data.size()) + data; }

inline std::string vnet(const std::string& front, const std::string& data) {
    return be32(front.size() + data.size()) + be32(front.size()) + front + data;
}

inline std::string to_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A loop and frames for it.
class FrameLoopTest : public LoopTest {
  protected:
    Frame frame(const std::string& data) { return pool_.copy(to_bytes(data)); }
    Frame frame(const std::string& front, const std::string& data) {
        return pool_.copy_with_front(to_bytes(front), to_bytes(data));
    }

    FramePool pool_;
};

/// Writes down frames; a batch's end is "|".
template <typename Base>
class Recorder : public Base {
  public:
    void frame(Frame&& frame, Time) override {
        log.push_back(to_text(frame.front()) + to_text(frame.bytes()));
        if (keep) kept.push_back(std::move(frame));
        if (on_frame) on_frame();
    }
    void batch_end(Time) override { ++batches; }

    Texts log;
    std::vector<Frame> kept;
    bool keep = false;
    int batches = 0;
    std::function<void()> on_frame;
};

class User final : public Recorder<ChardevUser> {
  public:
    void opened() override { log.push_back("opened"); }
    void closed(const std::string& reason) override {
        log.push_back("closed");
        this->reason = reason;
        if (on_closed) on_closed();
    }
    void chardev_removed() override { log.push_back("removed"); }

    std::string reason;
    std::function<void()> on_closed;
};

class Receiver final : public Recorder<NetdevReceiver> {
  public:
    void link_changed(bool up, const std::string& reason) override {
        log.push_back(up ? "up" : "down");
        this->reason = reason;
    }
    void frames_refused(uint64_t count) override { refused += count; }

    std::string reason;
    uint64_t refused = 0;
};

}  // namespace colo
