// SPDX-License-Identifier: GPL-2.0-or-later
// filter-redirector: frames leave the chain for outdev, and frames from indev enter it behind this filter.
// As in QEMU they go on in each direction that queue= names.
//
// With link= what the VM sends leaves by the link (queue=rx), what the peer's mirror has sent enters towards
// the VM (queue=tx), or both (queue=all). What the uplink has for the VM is dropped then: the VM gets its
// input from the primary alone.
//
// While nobody is at outdev QEMU's lets frames pass. Beside a secondary's VM that would be output that
// nobody has compared, the moment the primary's host dies: there, and with a link, they are dropped,
// counted, until the VM goes on alone (fail-closed=auto; on and off: always, never).
#include "filter/colo_link.h"
#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "filter/port.h"
#include "filter/waiting_frames.h"

namespace colo {

namespace {

enum class FailClosed : uint8_t { kAuto, kOn, kOff };
constexpr std::string_view kFailClosed[] = {"auto", "on", "off"};

class FilterRedirector final : public Filter {
  public:
    FilterRedirector(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-redirector", std::move(id), host, FilterOptions::read(options)),
          link_(LinkName::read(options)),
          indev_(options.take("indev", "")),
          outdev_(options.take("outdev", "")),
          vnet_(options.take_bool("vnet_hdr_support", false)),
          fail_closed_(static_cast<FailClosed>(options.take_choice("fail-closed", kFailClosed))),
          in_([this](Frame&& frame, Time now) { take(std::move(frame), now); }) {
        const bool has_chardev = !indev_.empty() || !outdev_.empty();
        if (link_ && has_chardev) options.fail("link", "excludes indev and outdev");
        if (link_) return;
        if (!has_chardev) outdev_ = options.need("outdev", "neither it nor indev nor link is set");
        if (indev_ == outdev_) options.fail("indev", "is the same as outdev");
    }

    void complete() override {
        if (link_) {
            LinkNic& nic = link_.find(host(), what());
            if (serves(Direction::kTx)) in_.open(host(), *this, "link", nic.in(), vnet_, vnet_);
            if (serves(Direction::kRx)) out_.open(host(), *this, "link", nic.out(), vnet_, vnet_);
        }
        if (!indev_.empty()) in_.open(host(), *this, "indev", indev_, vnet_);
        if (!outdev_.empty()) out_.open(host(), *this, "outdev", outdev_, vnet_);
        Filter::complete();
    }

    void frame(Frame&& frame, Direction direction, Time now) override {
        if (is_alone_) return pass_on(std::move(frame), direction, now);
        if (link_ && direction == Direction::kTx) {
            ++dropped_uplink_;
            return;
        }
        if (out_.is_connected()) return out_.send(std::move(frame), now);
        if (!out_.is_open() && outdev_.empty()) return pass_on(std::move(frame), direction, now);
        if (is_closed()) {
            ++dropped_unconnected_;
            return host().dropped(what(), "no-primary", 1, now);
        }
        ++passed_unconnected_;
        pass_on(std::move(frame), direction, now);
    }

    /// Whatever is at outdev by then: the VM's output goes to the network.
    bool failed_over(Time) override {
        is_alone_ = is_alone_ || is_closed();
        return is_alone_;
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"indev", "string", [this] { return Value(indev_); }});
        all.push_back({"outdev", "string", [this] { return Value(outdev_); }});
        all.push_back({"vnet_hdr_support", "bool", [this] { return Value(vnet_); }});
        all.push_back({"fail-closed", "string",
                       [this] { return Value(std::string(kFailClosed[static_cast<size_t>(fail_closed_)])); }});
        all.push_back({"passed-unconnected", "uint64", [this] { return Value(passed_unconnected_); }});
        all.push_back({"dropped-unconnected", "uint64", [this] { return Value(dropped_unconnected_); }});
        all.push_back({"dropped-uplink", "uint64", [this] { return Value(dropped_uplink_); }});
        for (Property& property : link_.properties()) all.push_back(std::move(property));
        return all;
    }

  private:
    bool is_closed() {
        if (fail_closed_ != FailClosed::kAuto) return fail_closed_ == FailClosed::kOn;
        return link_ || (wire().has_rewriter() && !host().is_alone());
    }

    /// While the filter is off QEMU's does not read, and its peer waits. Here it is read, so that nobody
    /// has to wait, and kept, up to a limit, until the filter is on again.
    void take(Frame&& frame, Time now) {
        if (link_ && is_alone_) {
            ++dropped_uplink_;
        } else if (is_on()) {
            enter(std::move(frame), now);
        } else if (kept_.has_room_for(frame)) {
            kept_.push(std::move(frame));
        } else {
            host().dropped(what(), "off", 1, now);
        }
    }

    void status_changed() override {
        while (is_on() && !kept_.empty()) enter(kept_.pop(), host().loop().now());
    }

    void enter(Frame&& frame, Time now) {
        if (link_) return pass_on(std::move(frame), Direction::kTx, now);
        const bool both = serves(Direction::kTx) && serves(Direction::kRx);
        if (both) pass_on(frame.share(), Direction::kTx, now);
        pass_on(std::move(frame), serves(Direction::kRx) ? Direction::kRx : Direction::kTx, now);
    }

    LinkName link_;
    std::string indev_;
    std::string outdev_;
    bool vnet_;
    FailClosed fail_closed_;
    bool is_alone_ = false;  ///< the VM is: nothing is redirected any more
    Port in_;
    Port out_;
    WaitingFrames kept_;  ///< came in while the filter was off
    uint64_t passed_unconnected_ = 0;
    uint64_t dropped_unconnected_ = 0;
    uint64_t dropped_uplink_ = 0;  ///< frames from where the VM does not get its input
};

const ObjectType g_filter_redirector("filter-redirector",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterRedirector>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
