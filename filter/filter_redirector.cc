// SPDX-License-Identifier: GPL-2.0-or-later
// filter-redirector: frames leave the chain for outdev, and frames from indev enter it behind this filter.
// As in QEMU they go on in each direction that queue= names; and while nobody is at outdev frames pass.
#include <deque>

#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "filter/port.h"

namespace colo {

namespace {

class FilterRedirector final : public Filter {
  public:
    FilterRedirector(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-redirector", std::move(id), host, FilterOptions::read(options)),
          indev_(options.take("indev", "")),
          outdev_(options.take("outdev", "")),
          vnet_(options.take_bool("vnet_hdr_support", false)),
          in_([this](Frame&& frame, Time now) { take(std::move(frame), now); }) {
        if (indev_.empty() && outdev_.empty()) options.fail("indev", "neither it nor outdev is set");
        if (indev_ == outdev_) options.fail("indev", "is the same as outdev");
    }

    void complete() override {
        if (!indev_.empty()) in_.open(host(), *this, "indev", indev_, vnet_);
        if (!outdev_.empty()) out_.open(host(), *this, "outdev", outdev_, vnet_);
        Filter::complete();
    }

    void frame(Frame&& frame, Direction direction, Time now) override {
        if (out_.is_connected()) {
            out_.send(std::move(frame), now);
            return;
        }
        if (out_.is_open()) ++passed_unconnected_;
        pass_on(std::move(frame), direction, now);
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"indev", "string", [this] { return Value(indev_); }});
        all.push_back({"outdev", "string", [this] { return Value(outdev_); }});
        all.push_back({"vnet_hdr_support", "bool", [this] { return Value(vnet_); }});
        all.push_back({"passed-unconnected", "uint64", [this] { return Value(passed_unconnected_); }});
        return all;
    }

  private:
    /// While the filter is off QEMU's does not read, and its peer waits. Here it is read, so that nobody
    /// has to wait, and kept, up to a limit, until the filter is on again.
    void take(Frame&& frame, Time now) {
        if (is_on()) {
            enter(std::move(frame), now);
        } else if (kept_bytes_ + frame.size() > kMaxKeptBytes) {
            host().dropped(what(), "off", 1, now);
        } else {
            kept_bytes_ += frame.size();
            kept_.push_back(std::move(frame));
        }
    }

    void status_changed() override {
        if (!is_on()) return;
        for (Frame& frame : kept_) enter(std::move(frame), host().loop().now());
        kept_.clear();
        kept_bytes_ = 0;
    }

    void enter(Frame&& frame, Time now) {
        const bool both = serves(Direction::kTx) && serves(Direction::kRx);
        if (both) pass_on(frame.share(), Direction::kTx, now);
        pass_on(std::move(frame), serves(Direction::kRx) ? Direction::kRx : Direction::kTx, now);
    }

    static constexpr size_t kMaxKeptBytes = 64u << 20;

    std::string indev_;
    std::string outdev_;
    bool vnet_;
    Port in_;
    Port out_;
    std::deque<Frame> kept_;  ///< came in while the filter was off
    size_t kept_bytes_ = 0;
    uint64_t passed_unconnected_ = 0;
};

const ObjectType g_type("filter-redirector",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterRedirector>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
