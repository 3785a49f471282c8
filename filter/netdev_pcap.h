// SPDX-License-Identifier: GPL-2.0-or-later
// -netdev pcap: what comes in is read from a capture file, with the time between the frames that it had
// then (pace=off: as fast as it is taken); what is sent is recorded in another.
#pragma once

#include <optional>

#include "filter/capture_reader.h"
#include "filter/capture_writer.h"
#include "filter/netdev.h"
#include "filter/option_reader.h"
#include "io/event_loop.h"
#include "io/lifeline.h"

namespace colo {

struct PcapOptions {
    std::string file;    ///< empty: nothing comes in
    std::string record;  ///< empty: what is sent is not kept
    bool pace = true;
};

/// file=, record=, pace=
PcapOptions take_pcap(OptionReader& options);

class NetdevPcap final : public Netdev {
  public:
    /// Throws std::runtime_error that names the netdev, the key and the file.
    NetdevPcap(EventLoop& loop, FramePool& pool, std::string id, std::string peer,
               const PcapOptions& options);
    ~NetdevPcap() override;

    const char* type() const override { return "pcap"; }
    SendResult send(Frame&& frame) override;
    void set_limits(const QueueLimits&) override {}
    void pause_reading(bool paused) override;
    /// What has not been read has not happened yet.
    bool drain() override { return true; }
    size_t unsent() const override { return 0; }
    /// Until the end of the capture; one that only records always is.
    /// Until the end of the capture; one that only records always is.
    bool is_connected() const override { return !reader_ || next_; }
    const EndpointCounters& counters() const override { return counters_; }
    std::string name() const override { return name_; }

  private:
    void receiver_changed(NetdevReceiver* receiver) override;
    std::string read_next();
    void advance();
    bool is_due() const;
    void deliver(Frame&& frame);
    void ended(const std::string& problem);
    void schedule();
    void save();

    EventLoop& loop_;
    FramePool& pool_;
    std::string name_;
    bool pace_;
    EndpointCounters counters_;
    std::optional<CaptureReader> reader_;
    std::optional<CaptureWriter> writer_;
    std::optional<CaptureRecord> next_;  ///< nothing: the capture is at its end
    Time shift_{0};                      ///< from a record's time to the loop's
    Time wall_clock_;                    ///< from the loop's time to that since 1970
    bool has_begun_ = false;
    bool paused_ = false;
    Timer due_;
    Timer save_;
    Lifeline lifeline_;
};

}  // namespace colo
