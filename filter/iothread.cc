// SPDX-License-Identifier: GPL-2.0-or-later
// iothread: accepted, so that QEMU's command lines work; everything runs in one thread.
#include "filter/object_type.h"

namespace colo {

namespace {

class IoThread final : public Object {
  public:
    explicit IoThread(std::string id) : Object("iothread", std::move(id)) {}
    void complete() override {}
    std::vector<Property> properties() override { return {}; }
};

const ObjectType g_iothread("iothread", [](FilterHost&, std::string id, OptionReader& options) {
    for (const char* key : {"poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch"}) {
        options.take(key);
    }
    return std::unique_ptr<Object>(std::make_unique<IoThread>(std::move(id)));
}, MakeOrder::kBeforeOthers);

}  // namespace

}  // namespace colo
