// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/pair_settings.h"

#include <limits>
#include <stdexcept>

namespace colo {

namespace {

constexpr uint64_t kMostMs = UINT32_MAX;

Property time_property(const char* name, Time& time, uint64_t least_ms) {
    return {name, "uint32", [&time] { return Value(static_cast<uint64_t>(time / milliseconds(1))); },
            [&time, least_ms](const Value& value) {
                time = milliseconds(static_cast<int64_t>(uint_of(value, least_ms, kMostMs)));
            }};
}

template <typename Number>
Property count_property(const char* name, const char* type, Number& number, uint64_t least) {
    return {name, type, [&number] { return Value(uint64_t{number}); },
            [&number, least](const Value& value) {
                number = static_cast<Number>(uint_of(value, least, std::numeric_limits<Number>::max()));
            }};
}

}  // namespace

PairSettings::PairSettings() {
    compare.compare_timeout = milliseconds(250);
    compare.secondary_numbers = SecondaryNumbers::kNative;
    compare.when_full = WhenFull::kKeep;
    policy.max_interval = kNever;
}

std::vector<Property> PairSettings::properties(std::function<void()> changed) {
    std::vector<Property> all{
        time_property("compare_timeout", compare.compare_timeout, 1),
        time_property("expired_scan_cycle", expired_scan_cycle, 1),
        count_property("max_queue_size", "uint32", compare.max_queue_frames, 1),
        count_property("max-queue-bytes", "uint64", compare.max_queue_bytes, 1),
        count_property("max-connections", "uint32", compare.max_connections, 1),
        time_property("min-interval", policy.min_interval, 0),
        time_property("max-interval", max_interval, 1),
        count_property("simple-enter", "uint32", policy.simple.enter, 0),
        time_property("simple-window", policy.simple.window, 1),
        time_property("simple-interval", policy.simple.interval, 1),
        time_property("simple-trial", policy.simple.trial, 1),
        time_property("heartbeat", heartbeat, 1),
        time_property("link-deadline", link_deadline, 1),
        time_property("vm-deadline", health.vm, 1),
        time_property("checkpoint-deadline", health.checkpoint, 1),
        time_property("fence-deadline", fence_deadline, 1),
    };
    for (Property& property : all) {
        property.set = [get = property.get, set = property.set, changed](const Value& value) {
            const Value before = get();
            set(value);
            try {
                changed();
            } catch (...) {
                set(before);
                changed();
                throw;
            }
        };
    }
    return all;
}

void PairSettings::check() const {
    if (heartbeat < link_deadline) return;
    throw std::invalid_argument("heartbeat: must come before link-deadline (" +
                                std::to_string(link_deadline / milliseconds(1)) + " ms) is over");
}

void PairSettings::set(std::string_view assignment) {
    const size_t equals = assignment.find('=');
    const std::string name(assignment.substr(0, equals));
    if (equals == std::string_view::npos) throw std::invalid_argument("'" + name + "': NAME=VALUE is needed");
    for (const Property& property : properties([] {})) {
        if (property.name != name) continue;
        try {
            return property.set(std::string(assignment.substr(equals + 1)));
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument(name + ": " + error.what());
        }
    }
    throw std::invalid_argument("'" + name + "': there is no such setting");
}

}  // namespace colo
