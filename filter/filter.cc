// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/filter.h"

#include <stdexcept>

#include "filter/host.h"
#include "filter/wire.h"

namespace colo {

namespace {

constexpr const char* kQueueNames[] = {"all", "rx", "tx"};

FilterOptions::Queue read_queue(OptionReader& options) {
    const std::string name = options.take("queue", "all");
    for (size_t i = 0; i < std::size(kQueueNames); ++i) {
        if (name == kQueueNames[i]) return static_cast<FilterOptions::Queue>(i);
    }
    options.fail("queue", "'" + name + "' is none of all, rx, tx");
}

bool is_position(const std::string& text) {
    return text == "head" || text == "tail" || (text.starts_with("id=") && text.size() > 3);
}

}  // namespace

FilterOptions FilterOptions::read(OptionReader& options) {
    FilterOptions read;
    read.netdev = options.need("netdev");
    read.queue = read_queue(options);
    read.on = options.take_bool("status", true);
    read.position = options.take("position", "tail");
    if (!is_position(read.position)) {
        options.fail("position", "'" + read.position + "' is none of head, tail, id=ID");
    }
    const std::string insert = options.take("insert", "behind");
    if (insert != "before" && insert != "behind") {
        options.fail("insert", "'" + insert + "' is neither before nor behind");
    }
    read.before = insert == "before";
    return read;
}

Filter::~Filter() {
    if (wire_) wire_->remove(*this);
}

void Filter::complete() {
    Wire& wire = host_.wire_of(what(), options_.netdev);
    wire.insert(*this);
    wire_ = &wire;
}

void Filter::pass_on(Frame&& frame, Direction direction, Time now) {
    wire_->pass_on(*this, std::move(frame), direction, now);
}

void Filter::switch_on(bool on) {
    if (on == options_.on) return;
    options_.on = on;
    status_changed();
}

std::vector<Property> Filter::properties() {
    const auto text = [](const std::string& value) { return [&value] { return Value(value); }; };
    return {
        {"netdev", "string", text(options_.netdev)},
        {"queue", "NetFilterDirection",
         [this] { return Value(kQueueNames[static_cast<size_t>(options_.queue)]); }},
        {"status", "string", [this] { return Value(options_.on ? "on" : "off"); },
         [this](const Value& value) {
             if (!status_refusal_.empty()) throw std::invalid_argument(status_refusal_);
             switch_on(bool_of(value));
         }},
        {"position", "string", text(options_.position)},
        {"insert", "string", [this] { return Value(options_.before ? "before" : "behind"); }},
    };
}

}  // namespace colo
