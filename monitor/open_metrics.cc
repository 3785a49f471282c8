// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/open_metrics.h"

#include <glib.h>

#include <algorithm>
#include <vector>

#include "monitor/json_value.h"

namespace colo {

namespace {

/// How a member that is an object of numbers becomes one family: the member's names are label
/// values.
struct LabelledFamily {
    const char* member;
    const char* type;
    const char* label;
    const char* help;
};
constexpr LabelledFamily kLabelled[] = {
    {"flows", "gauge", "state", "Flows tracked, by state."},
    {"frames", "counter", "kind", "Frames seen, released, passed and dropped."},
    {"checkpoints", "counter", "reason", "Checkpoints, by reason."},
};
constexpr LabelledFamily kOther = {"", "gauge", "name", "As in query-colo-proxy."};

/// A member that is a word becomes a set of states, of which one is 1.
struct StateFamily {
    const char* member;
    std::vector<std::string> states;
    const char* help;
};
const StateFamily kStates[] = {
    {"mode", {"idle", "lockstep", "simple", "unprotected"}, "What protects the output."},
    {"role", {"primary", "secondary"}, "The part this host has."},
    {"peer", {"connected", "lost", "failed", "resigned"}, "State of the other host."},
};

/// Lower-case letters, digits and '_'.
std::string metric_name(const std::string& member) {
    std::string name = "colo_proxy_";
    for (const char c : member) name += g_ascii_isalnum(c) ? g_ascii_tolower(c) : '_';
    return name;
}

std::string label(const std::string& name, const std::string& value) {
    std::string text = "{" + name + "=\"";
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        text += c == '\n' ? "\\n" : std::string(1, c);
    }
    return text + "\"}";
}

/// One metric family: its samples stand together behind its type.
class Family {
  public:
    Family(const std::string& name, const std::string& type, const std::string& help,
           const std::string& unit = "")
        : sample_(type == "counter" ? name + "_total" : name) {
        text_ = "# TYPE " + name + " " + type + "\n";
        if (!unit.empty()) text_ += "# UNIT " + name + " " + unit + "\n";
        text_ += "# HELP " + name + " " + help + "\n";
    }

    void add(const std::string& labels, const Json& value) {
        if (value.is_number()) text_ += sample_ + labels + " " + value.dump() + "\n";
    }
    const std::string& text() const { return text_; }

  private:
    std::string sample_;
    std::string text_;
};

std::string states(const std::string& member, const std::string& current) {
    std::vector<std::string> all;
    const char* help = kOther.help;
    for (const StateFamily& family : kStates) {
        if (member != family.member) continue;
        all = family.states;
        help = family.help;
    }
    if (std::find(all.begin(), all.end(), current) == all.end()) all.push_back(current);
    const std::string name = metric_name(member);
    Family family(name, "stateset", help);
    for (const std::string& state : all) family.add(label(name, state), state == current ? 1 : 0);
    return family.text();
}

/// primary-frames, primary-bytes, ...: a family for each unit, the side is the label.
std::string queued(const Json& object) {
    std::string text;
    for (const std::string unit : {"frames", "bytes"}) {
        Family family("colo_proxy_queued_" + unit, "gauge", "Output held, by side.", unit);
        for (const char* side : {"primary", "secondary"}) {
            const auto value = object.find(std::string(side) + "-" + unit);
            if (value != object.end()) family.add(label("side", side), *value);
        }
        text += family.text();
    }
    return text;
}

/// p50, p99: quantiles; max on its own.
std::string hold_times(const Json& object) {
    const std::string name = "colo_proxy_hold_microseconds";
    Family quantiles(name, "summary", "How long output is held.", "microseconds");
    if (object.contains("p50")) quantiles.add(label("quantile", "0.5"), object["p50"]);
    if (object.contains("p99")) quantiles.add(label("quantile", "0.99"), object["p99"]);
    Family longest("colo_proxy_hold_max_microseconds", "gauge", "The longest that output was held.",
                   "microseconds");
    if (object.contains("max")) longest.add("", object["max"]);
    return quantiles.text() + longest.text();
}

std::string labelled(const std::string& member, const Json& object) {
    const auto known = std::find_if(std::begin(kLabelled), std::end(kLabelled),
                                    [&](const LabelledFamily& f) { return member == f.member; });
    const LabelledFamily& kind = known == std::end(kLabelled) ? kOther : *known;
    Family family(metric_name(member), kind.type, kind.help);
    for (const auto& [name, value] : object.items()) family.add(label(kind.label, name), value);
    return family.text();
}

std::string family_of(const std::string& member, const Json& value) {
    if (value.is_string()) return states(member, value.get<std::string>());
    if (member == "queued" && value.is_object()) return queued(value);
    if (member == "hold-us" && value.is_object()) return hold_times(value);
    if (value.is_object()) return labelled(member, value);
    if (!value.is_number()) return {};
    Family family(metric_name(member), "gauge", kOther.help);
    family.add("", value);
    return family.text();
}

}  // namespace

std::string open_metrics(const Json& status) {
    std::string text;
    for (const auto& [member, value] : status.items()) text += family_of(member, value);
    return text + "# EOF\n";
}

}  // namespace colo
