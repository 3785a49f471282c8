// SPDX-License-Identifier: GPL-2.0-or-later
// filter-mirror: a copy of each frame goes to a chardev or a link; the frame goes on. Beside a link's
// primary it lets the secondary's questions for neighbours out, too.
#include "filter/colo_link.h"
#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "filter/port.h"

namespace colo {

namespace {

class FilterMirror final : public Filter, private LinkNic::User {
  public:
    FilterMirror(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-mirror", std::move(id), host, FilterOptions::read(options)),
          link_(LinkName::read(options)),
          outdev_(link_.or_chardev(options, "outdev")),
          vnet_(options.take_bool("vnet_hdr_support", false)) {}

    void complete() override {
        if (link_) {
            nic_.join(link_.find(host(), what()), *this);
            out_.open(host(), *this, "link", nic_->out(), vnet_, vnet_);
        } else {
            out_.open(host(), *this, "outdev", outdev_, vnet_);
        }
        Filter::complete();
    }

    void frame(Frame&& frame, Direction direction, Time now) override {
        out_.send(frame.share(), now);
        if (nic_ && direction == Direction::kTx) nic_->see_input(frame, now);
        pass_on(std::move(frame), direction, now);
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"outdev", "string", [this] { return Value(outdev_); }});
        all.push_back({"vnet_hdr_support", "bool", [this] { return Value(vnet_); }});
        for (Property& property : link_.properties()) all.push_back(std::move(property));
        return all;
    }

  private:
    void question_came(Frame&& frame, Time now) override {
        if (is_on()) pass_on(std::move(frame), Direction::kRx, now);
    }

    LinkName link_;
    std::string outdev_;
    bool vnet_;
    Port out_;
    LinkMembership nic_;
};

const ObjectType g_filter_mirror("filter-mirror",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterMirror>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
