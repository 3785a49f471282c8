// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/vm_inspection.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "qemu/block_graph.h"
#include "qemu/json_members.h"

namespace colo {

namespace {

/// In the order in which they are asked.
enum Question : uint8_t {
    kVersion,
    kStatus,
    kMemory,
    kMachine,
    kCpus,
    kKvm,
    kUuid,
    kCapabilities,
    kSchema,
    kColoStatus,
    kMigration,
    kBlockDevices,
    kBlockNodes,
    kBlockGraph,
    kNamedDevices,
    kOtherDevices,
    kQuestions,
};

constexpr const char* kNamed = "/machine/peripheral";
constexpr const char* kOther = "/machine/peripheral-anon";
constexpr const char* kNoUuid = "00000000-0000-0000-0000-000000000000";

std::string fact(std::string text) {
    if (text.size() > kLongestFact) text.resize(kLongestFact);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

std::vector<std::string> facts_of(std::vector<std::string> texts) {
    std::sort(texts.begin(), texts.end());
    if (texts.size() > kMostFacts) texts.resize(kMostFacts);
    for (std::string& text : texts) text = fact(std::move(text));
    return texts;
}

uint32_t small(uint64_t number) {
    return static_cast<uint32_t>(std::min<uint64_t>(number, std::numeric_limits<uint32_t>::max()));
}

QmpRequest property(const std::string& path, const char* name) {
    return {"qom-get", {{"path", path}, {"property", name}}};
}

std::string text(const QmpResult& result) {
    return result.value.is_string() ? result.value.get<std::string>() : "";
}

QemuVersion version_of(const Json& answer) {
    const Json& qemu = member(answer, "qemu");
    return {small(number_member(qemu, "major")), small(number_member(qemu, "minor")),
            small(number_member(qemu, "micro"))};
}

bool lists_colo(const Json& capabilities) {
    return std::any_of(capabilities.begin(), capabilities.end(), [](const Json& capability) {
        return string_member(capability, "capability") == "x-colo";
    });
}

/// QEMU's own description of its commands and what they take.
class Schema {
  public:
    explicit Schema(const Json& schema) {
        for (const Json& entity : schema) entities_.emplace(string_member(entity, "name"), &entity);
    }
    bool has(const std::string& command) const { return entities_.contains(command); }
    bool takes(const std::string& command, const std::string& argument) const {
        const Json& members = member(entity(string_member(entity(command), "arg-type")), "members");
        return std::any_of(members.begin(), members.end(),
                           [&](const Json& one) { return string_member(one, "name") == argument; });
    }

  private:
    const Json& entity(const std::string& name) const {
        static const Json kNothing;
        const auto found = entities_.find(name);
        return found != entities_.end() ? *found->second : kNothing;
    }

    std::map<std::string, const Json*> entities_;
};

/// Nobody has answered, as opposed to: QEMU has refused.
std::optional<std::string> silence(const QmpResults& results) {
    for (const QmpResult& result : results) {
        if (result.failure && !result.failure->is_answer) return result.failure->description;
    }
    return std::nullopt;
}

}  // namespace

std::vector<QmpRequest> VmInspection::first_round() {
    std::vector<QmpRequest> round(kQuestions);
    round[kVersion] = {"query-version"};
    round[kStatus] = {"query-status"};
    round[kMemory] = {"query-memory-size-summary"};
    round[kMachine] = property("/machine", "type");
    round[kCpus] = {"query-cpus-fast"};
    round[kKvm] = {"query-kvm"};
    round[kUuid] = {"query-uuid"};
    round[kCapabilities] = {"query-migrate-capabilities"};
    round[kSchema] = {"query-qmp-schema"};
    round[kColoStatus] = {"query-colo-status"};
    round[kMigration] = {"query-migrate"};
    round[kBlockDevices] = {"query-block"};
    round[kBlockNodes] = {"query-named-block-nodes", {{"flat", true}}};
    round[kBlockGraph] = {"x-debug-query-block-graph"};
    round[kNamedDevices] = {"qom-list", {{"path", kNamed}}};
    round[kOtherDevices] = {"qom-list", {{"path", kOther}}};
    return round;
}

std::optional<std::string> VmInspection::take_first(const QmpResults& results) {
    if (auto why = silence(results)) return why;
    for (const Question needed : {kVersion, kStatus, kMemory, kMachine}) {
        if (const auto& failure = results[needed].failure) return failure->description;
    }
    const Json& memory = results[kMemory].value;
    const Json& cpus = results[kCpus].value;
    const Schema schema(results[kSchema].value);
    facts_.version = version_of(results[kVersion].value);
    facts_.machine = fact(text(results[kMachine]));
    facts_.cpus = small(cpus.size());
    facts_.ram = number_member(memory, "base-memory") + number_member(memory, "plugged-memory");
    facts_.kvm = is_set(results[kKvm].value, "enabled");
    facts_.uuid = fact(string_member(results[kUuid].value, "UUID"));
    if (facts_.uuid == kNoUuid) facts_.uuid.clear();
    facts_.status = fact(string_member(results[kStatus].value, "status"));
    facts_.colo_mode = fact(string_member(results[kColoStatus].value, "mode"));
    facts_.migration = fact(string_member(results[kMigration].value, "status"));
    facts_.has_colo = lists_colo(results[kCapabilities].value) &&
                      schema.has("x-colo-lost-heartbeat") &&
                      schema.takes("migrate-set-parameters", "x-checkpoint-delay");
    facts_.has_yank = schema.has("yank");
    facts_.disks = facts_of(unreplicated_disks(
        results[kBlockDevices].value, results[kBlockNodes].value, results[kBlockGraph].value));
    if (!cpus.empty()) cpu_path_ = string_member(cpus.front(), "qom-path");
    take_devices(results[kNamedDevices].value, kNamed);
    take_devices(results[kOtherDevices].value, kOther);
    return std::nullopt;
}

/// QOM calls a device "child<virtio-net-pci>".
void VmInspection::take_devices(const Json& list, const std::string& parent) {
    constexpr std::string_view kChild = "child<";
    for (const Json& child : list) {
        const std::string type = string_member(child, "type");
        if (!type.starts_with(kChild) || devices_.size() >= kMostFacts) continue;
        devices_.push_back({type.substr(kChild.size(), type.size() - kChild.size() - 1),
                            parent + "/" + string_member(child, "name")});
    }
}

std::vector<QmpRequest> VmInspection::second_round() const {
    std::vector<QmpRequest> round{property(cpu_path_, "type")};
    for (const Device& device : devices_) round.push_back(property(device.path, "mac"));
    return round;
}

/// What has no MAC is no network card.
std::optional<std::string> VmInspection::take_second(const QmpResults& results) {
    if (auto why = silence(results)) return why;
    facts_.cpu = fact(text(results[0]));
    std::vector<std::string> devices;
    for (size_t i = 0; i < devices_.size(); ++i) {
        const std::string mac = text(results[i + 1]);
        devices.push_back(mac.empty() ? devices_[i].type : devices_[i].type + " " + mac);
    }
    facts_.devices = facts_of(std::move(devices));
    return std::nullopt;
}

}  // namespace colo
