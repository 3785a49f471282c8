// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/vm_facts.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "monitor/json.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

struct Refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

const Json& needed(const Json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end()) throw Refused("\"" + std::string(name) + "\" is missing");
    return *found;
}

bool is_text(const Json& value) {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return text.size() <= kLongestFact &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void read(const Json& object, const char* name, std::string& text) {
    const Json& value = needed(object, name);
    if (!is_text(value)) throw Refused("\"" + std::string(name) + "\" is no short text");
    text = value.get<std::string>();
}

template <typename Number>
requires(std::is_unsigned_v<Number> && !std::is_same_v<Number, bool>) void read(const Json& object,
                                                                                const char* name,
                                                                                Number& number) {
    const Json& value = needed(object, name);
    if (!value.is_number_unsigned() || !std::in_range<Number>(value.get<uint64_t>())) {
        throw Refused("\"" + std::string(name) + "\" is no number in its range");
    }
    number = value.get<Number>();
}

void read(const Json& object, const char* name, bool& flag) {
    const Json& value = needed(object, name);
    if (!value.is_boolean())
        throw Refused("\"" + std::string(name) + "\" is neither true nor false");
    flag = value.get<bool>();
}

void read(const Json& object, const char* name, std::vector<std::string>& list) {
    const Json& value = needed(object, name);
    if (!value.is_array() || value.size() > kMostFacts ||
        !std::all_of(value.begin(), value.end(), is_text)) {
        throw Refused("\"" + std::string(name) + "\" is no short list of short texts");
    }
    list = value.get<std::vector<std::string>>();
}

/// Every member once, for either direction.
template <typename Facts, typename Do>
void each_member(Facts& facts, Do&& visit) {
    visit("major", facts.version.major);
    visit("minor", facts.version.minor);
    visit("micro", facts.version.micro);
    visit("machine", facts.machine);
    visit("cpu", facts.cpu);
    visit("cpus", facts.cpus);
    visit("ram", facts.ram);
    visit("kvm", facts.kvm);
    visit("uuid", facts.uuid);
    visit("status", facts.status);
    visit("colo-mode", facts.colo_mode);
    visit("migration", facts.migration);
    visit("has-colo", facts.has_colo);
    visit("has-yank", facts.has_yank);
    visit("devices", facts.devices);
    visit("disks", facts.disks);
}

}  // namespace

std::string to_string(const QemuVersion& version) {
    return std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
           std::to_string(version.micro);
}

std::string encode(const VmFacts& facts) {
    Json json = Json::object();
    each_member(facts, [&](const char* name, const auto& value) { json[name] = value; });
    return to_line(json);
}

std::variant<VmFacts, std::string> decode_vm_facts(std::string_view text) {
    if (text.size() > kLongestFacts) return "they are longer than a VM's facts can be";
    std::string error;
    const std::unique_ptr<Json> json = parse_json(text, error);
    if (!json) return error;
    if (!json->is_object()) return "they are no JSON object: " + clipped(text);
    VmFacts facts;
    try {
        each_member(facts, [&](const char* name, auto& value) { read(*json, name, value); });
    } catch (const Refused& refused) {
        return refused.what();
    }
    return facts;
}

}  // namespace colo
