// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_pcap.h"

#include <utility>

#include "io/log.h"

namespace colo {

namespace {

/// What one capture may give before the others have their turn.
constexpr int kFramesAtOnce = 128;
constexpr Time kSaveInterval = seconds(1);

std::string to_name(const PcapOptions& options) {
    return "pcap:" + (options.file.empty() ? options.record : options.file);
}

Time wall_clock() { return std::chrono::system_clock::now().time_since_epoch(); }

}  // namespace

PcapOptions take_pcap(OptionReader& options) {
    PcapOptions pcap;
    pcap.file = options.take("file", "");
    pcap.record = options.take("record", "");
    pcap.pace = options.take_bool("pace", true);
    if (pcap.file.empty() && pcap.record.empty()) options.fail("file", "is missing, and so is record");
    return pcap;
}

NetdevPcap::NetdevPcap(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
                       const PcapOptions& options)
    : Netdev(std::move(id), std::move(peer)),
      loop_(loop),
      pool_(pool),
      name_(to_name(options)),
      pace_(options.pace),
      wall_clock_(wall_clock() - loop.now()),
      due_(loop, [this] { advance(); }),
      save_(loop, [this] { save(); }) {
    try {
        if (!options.file.empty()) reader_.emplace(options.file);
        if (reader_) next_ = reader_->next();
        if (!options.record.empty()) writer_.emplace(options.record);
    } catch (const CaptureError& error) {
        throw std::runtime_error(what() + ": " + error.what());
    }
    ++counters_.connects;
}

NetdevPcap::~NetdevPcap() { save(); }

void NetdevPcap::receiver_changed(NetdevReceiver* receiver) {
    if (!receiver || std::exchange(has_begun_, true)) return;
    if (next_) shift_ = loop_.now() - next_->time;
    schedule();
}

void NetdevPcap::pause_reading(bool paused) {
    paused_ = paused;
    schedule();
}

void NetdevPcap::schedule() {
    if (!has_begun_ || paused_ || !next_) return due_.cancel();
    due_.set(pace_ ? next_->time + shift_ : loop_.now());
}

bool NetdevPcap::is_due() const {
    return next_ && !paused_ && (!pace_ || next_->time + shift_ <= loop_.now());
}

void NetdevPcap::advance() {
    Lifeline::Watch life(lifeline_);
    std::string problem;
    for (int i = 0; i < kFramesAtOnce && is_due(); ++i) {
        Frame frame = pool_.copy(next_->bytes, next_->wire_size);
        problem = read_next();
        deliver(std::move(frame));
        if (life.is_cut()) return;
    }
    if (receiver()) receiver()->batch_end(loop_.now());
    if (life.is_cut()) return;
    schedule();
    if (!next_) ended(problem);
}

/// Returns why there is no next one.
std::string NetdevPcap::read_next() {
    try {
        next_ = reader_->next();
        return reader_->truncated();
    } catch (const CaptureError& error) {
        next_.reset();
        return error.what();
    }
}

void NetdevPcap::deliver(Frame&& frame) {
    counters_.bytes_in += frame.size();
    if (!receiver()) {
        ++counters_.discarded;
        return;
    }
    ++counters_.frames_in;
    receiver()->frame(std::move(frame), loop_.now());
}

void NetdevPcap::ended(const std::string& problem) {
    ++counters_.disconnects;
    const std::string reason = problem.empty() ? "the capture is at its end" : problem;
    problem.empty() ? log_info(what(), reason) : log_warning(what(), reason);
    if (receiver()) receiver()->link_changed(false, reason);
}

SendResult NetdevPcap::send(Frame&& frame) {
    ++counters_.frames_out;
    counters_.bytes_out += frame.size();
    if (writer_) {
        writer_->write(frame.bytes(), frame.wire_size(), loop_.now() + wall_clock_);
        if (save_.deadline() == kNever) save_.set(loop_.now() + kSaveInterval);
    }
    frame.reset();
    return SendResult::kQueued;
}

void NetdevPcap::save() {
    if (!writer_) return;
    try {
        writer_->finish();
    } catch (const CaptureError& error) {
        ++counters_.write_errors;
        log_error(what(), error.what());
    }
}

}  // namespace colo
