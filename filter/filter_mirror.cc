// SPDX-License-Identifier: GPL-2.0-or-later
// filter-mirror: a copy of each frame goes to a chardev; the frame goes on.
#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "filter/port.h"

namespace colo {

namespace {

class FilterMirror final : public Filter {
  public:
    FilterMirror(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-mirror", std::move(id), host, FilterOptions::read(options)),
          outdev_(options.need("outdev")),
          vnet_(options.take_bool("vnet_hdr_support", false)) {}

    void complete() override {
        out_.open(host(), *this, "outdev", outdev_, vnet_);
        Filter::complete();
    }

    void frame(Frame&& frame, Direction direction, Time now) override {
        out_.send(frame.share(), now);
        pass_on(std::move(frame), direction, now);
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"outdev", "string", [this] { return Value(outdev_); }});
        all.push_back({"vnet_hdr_support", "bool", [this] { return Value(vnet_); }});
        return all;
    }

  private:
    std::string outdev_;
    bool vnet_;
    Port out_;
};

const ObjectType g_type("filter-mirror",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterMirror>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
