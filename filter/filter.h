// SPDX-License-Identifier: GPL-2.0-or-later
// A netdev filter: an object in the chain between a netdev and its VM, with QEMU's common properties.
#pragma once

#include <string>
#include <vector>

#include "filter/direction.h"
#include "filter/object.h"
#include "filter/option_reader.h"
#include "packet/frame.h"
#include "packet/time.h"

namespace colo {

class FilterHost;
class Wire;

/// netdev=, queue=, position=, insert=, status=.
struct FilterOptions {
    enum class Queue : uint8_t { kAll, kRx, kTx };

    std::string netdev;
    Queue queue = Queue::kAll;
    std::string position = "tail";  ///< or "head", or "id=ID" with insert=
    bool before = false;            ///< insert=before|behind
    bool on = true;                 ///< status=

    static FilterOptions read(OptionReader& options);
};

class Filter : public Object {
  public:
    ~Filter() override;

    bool takes(Direction direction) const { return options_.on && serves(direction); }
    /// Does with the frame what the filter is for; pass_on() lets it go its way.
    virtual void frame(Frame&& frame, Direction direction, Time now) = 0;

    void complete() override;
    std::vector<Property> properties() override;
    /// It stands beside a secondary's VM.
    virtual bool rewrites() const { return false; }

    const FilterOptions& options() const { return options_; }
    bool is_on() const { return options_.on; }
    void switch_on(bool on);
    /// Somebody else says what `status` is: whoever sets the property is told `why_not`.
    void refuse_status(std::string why_not) { status_refusal_ = std::move(why_not); }

  protected:
    Filter(const char* type, std::string id, FilterHost& host, FilterOptions options)
        : Object(type, std::move(id)), host_(host), options_(std::move(options)) {}

    FilterHost& host() { return host_; }
    /// To the next filter in that direction, and at last to the netdev. Frames may begin here, too.
    void pass_on(Frame&& frame, Direction direction, Time now);
    /// Whether queue= names that direction.
    bool serves(Direction direction) const {
        if (options_.queue == FilterOptions::Queue::kAll) return true;
        return (options_.queue == FilterOptions::Queue::kTx) == (direction == Direction::kTx);
    }
    virtual void status_changed() {}
    const Wire& wire() const { return *wire_; }

  private:
    friend class Wire;

    FilterHost& host_;
    FilterOptions options_;
    std::string status_refusal_;
    Wire* wire_ = nullptr;  ///< since complete()
    size_t place_ = 0;      ///< in the wire's chain
};

}  // namespace colo
