// SPDX-License-Identifier: GPL-2.0-or-later
// What the proxy does and can be asked to do. Where several objects compare, counts are their sums and
// commands reach all of them.
#include <algorithm>
#include <stdexcept>

#include "filter/commands.h"
#include "filter/comparing.h"
#include "filter/flow_json.h"
#include "filter/host.h"
#include "monitor/json_value.h"
#include "packet/address.h"

namespace colo {

namespace {

std::vector<Comparing*> comparing(FilterHost& host) {
    std::vector<Comparing*> all;
    for (Object* object : host.objects()) {
        if (auto* one = dynamic_cast<Comparing*>(object)) all.push_back(one);
    }
    return all;
}

/// At least one.
std::vector<Comparing*> some_comparing(FilterHost& host) {
    auto all = comparing(host);
    if (all.empty()) throw std::runtime_error("there is no colo-compare object");
    return all;
}

std::vector<Comparator*> comparators(FilterHost& host) {
    std::vector<Comparator*> all;
    for (Comparing* one : comparing(host)) {
        for (Comparator* comparator : one->comparators()) all.push_back(comparator);
    }
    return all;
}

void touch_all(FilterHost& host) {
    for (Comparing* one : comparing(host)) one->touched();
}

// --- query-colo-proxy

struct Figures {
    uint64_t tracked = 0, half_open = 0, closing = 0, untracked_held = 0;
    QueueSizes queued;
    uint64_t primary = 0, secondary = 0, released = 0, passed = 0, dropped = 0;

    void add(const Comparator& comparator) {
        const FlowTable& table = comparator.table();
        tracked += table.size();
        half_open += table.count(Phase::kHalfOpen);
        closing += table.count(Phase::kClosing);
        untracked_held += comparator.untracked_held();
        const QueueSizes& sizes = comparator.queued();
        queued.primary_frames += sizes.primary_frames;
        queued.primary_bytes += sizes.primary_bytes;
        queued.secondary_frames += sizes.secondary_frames;
        queued.secondary_bytes += sizes.secondary_bytes;
        const ComparatorCounters& counters = comparator.counters();
        primary += counters.primary_frames;
        secondary += counters.secondary_frames;
        released += counters.released;
        passed += counters.passed;
        dropped += counters.dropped_queue_full;
    }
};

/// The mode is the first's that is not in lock-step.
ComparingStatus sum_of(const std::vector<Comparing*>& all) {
    ComparingStatus sum;
    for (const Comparing* one : all) {
        const ComparingStatus status = one->status();
        const bool is_first = one == all.front();
        if (is_first || std::string_view(sum.mode) == "lockstep") sum.mode = status.mode;
        sum.role = status.role;
        sum.peer = status.peer;
        sum.epoch = std::max(sum.epoch, status.epoch);
        for (size_t i = 0; i < kReasons; ++i) sum.checkpoints[i] += status.checkpoints[i];
    }
    return sum;
}

Json hold_times_json(const std::vector<Comparator*>& all) {
    const auto worst = [&](auto figure) {
        int64_t us = 0;
        for (const Comparator* comparator : all)
            us = std::max<int64_t>(us, figure(comparator->hold_times()) / microseconds(1));
        return us;
    };
    return Json{{"p50", worst([](const HoldTimes& times) { return times.quantile(0.5); })},
                {"p99", worst([](const HoldTimes& times) { return times.quantile(0.99); })},
                {"max", worst([](const HoldTimes& times) { return times.max(); })}};
}

// --- colo-proxy-flows

const char* phase_name(Phase phase) {
    switch (phase) {
        case Phase::kHalfOpen: return "half-open";
        case Phase::kEstablished: return "established";
        case Phase::kClosing: return "closing";
        case Phase::kDatagram: return "datagram";
        case Phase::kFree: break;
    }
    return "free";
}

Json flow_status_json(const FlowStatus& flow, Time now) {
    Json json = flow_json(flow.key);
    json["state"] = flow.diverged ? "diverged" : flow.unprotected ? "unprotected" : phase_name(flow.phase);
    json["verified"] = flow.verified;
    json["held-frames"] = flow.held_frames;
    json["held-us"] = flow.held_since == kNever ? 0 : (now - flow.held_since) / microseconds(1);
    return json;
}

/// `after` is what `next` was: which comparator, and where in its table.
Result flows(FilterHost& host, const Json& arguments) {
    constexpr uint64_t kMostFlows = 10'000;
    const int64_t limit = arguments.value("limit", int64_t{100});
    const int64_t after = arguments.value("after", int64_t{0});
    if (limit < 1 || after < 0) return CommandError{"limit must be positive, after no less than 0"};
    const auto all = comparators(host);
    auto index = static_cast<size_t>(after >> 32);
    auto cursor = static_cast<uint32_t>(after);
    Json list = Json::array();
    for (; index < all.size(); ++index, cursor = 0) {
        while (list.size() < std::min<uint64_t>(static_cast<uint64_t>(limit), kMostFlows)) {
            const auto flow = all[index]->next_flow(cursor);
            if (!flow) break;
            list.push_back(flow_status_json(*flow, host.loop().now()));
        }
        uint32_t beyond = cursor;
        if (all[index]->next_flow(beyond)) break;
    }
    Json answer{{"flows", std::move(list)}};
    if (index < all.size()) answer["next"] = static_cast<uint64_t>(index) << 32 | cursor;
    return answer;
}

// --- colo-proxy-passthrough-*

uint8_t parse_protocol(const std::string& name) {
    if (name == "tcp") return ip_protocol::kTcp;
    if (name == "udp") return ip_protocol::kUdp;
    if (name == "icmp") return ip_protocol::kIcmp;
    if (name == "icmpv6") return ip_protocol::kIcmpv6;
    if (name.starts_with("ip-") && name.size() > 3 && name.size() <= 6 &&
        name.find_first_not_of("0123456789", 3) == std::string::npos) {
        const unsigned long number = std::stoul(name.substr(3));
        if (number <= UINT8_MAX) return static_cast<uint8_t>(number);
    }
    throw std::invalid_argument("proto: '" + clipped(name) + "' is none of tcp, udp, icmp, icmpv6, ip-N");
}

template <size_t N>
std::array<uint8_t, 16> padded(const std::array<uint8_t, N>& address) {
    std::array<uint8_t, 16> bytes{};
    std::copy(address.begin(), address.end(), bytes.begin());
    return bytes;
}

std::array<uint8_t, 16> parse_rule_address(const char* key, const std::string& text, PassRule& rule) {
    const auto set_kind = [&](KeyKind kind) {
        if (rule.kind && *rule.kind != kind)
            throw std::invalid_argument(std::string(key) + ": not of the same kind as the other address");
        rule.kind = kind;
    };
    if (const auto ipv4 = parse_ipv4_address(text)) {
        set_kind(KeyKind::kIpv4);
        return padded(*ipv4);
    }
    if (const auto ipv6 = parse_ipv6_address(text)) {
        set_kind(KeyKind::kIpv6);
        return padded(*ipv6);
    }
    throw std::invalid_argument(std::string(key) + ": '" + clipped(text) + "' is no IPv4 or IPv6 address");
}

std::optional<uint16_t> parse_port(const Json& arguments, const char* key) {
    if (!arguments.contains(key)) return std::nullopt;
    const int64_t port = arguments[key].get<int64_t>();
    if (port < 0 || port > UINT16_MAX)
        throw std::invalid_argument(std::string(key) + ": a number from 0 to 65535 expected");
    return static_cast<uint16_t>(port);
}

PassRule parse_rule(const Json& arguments) {
    PassRule rule{.id = arguments["id"].get<std::string>()};
    if (rule.id.empty()) throw std::invalid_argument("id: is empty");
    if (arguments.contains("proto")) rule.protocol = parse_protocol(arguments["proto"]);
    if (arguments.contains("guest")) rule.guest = parse_rule_address("guest", arguments["guest"], rule);
    if (arguments.contains("peer")) rule.peer = parse_rule_address("peer", arguments["peer"], rule);
    rule.guest_port = parse_port(arguments, "guest-port");
    rule.peer_port = parse_port(arguments, "peer-port");
    return rule;
}

std::string address_text(const std::array<uint8_t, 16>& address, KeyKind kind) {
    return kind == KeyKind::kIpv6 ? ipv6_text(address.data()) : ipv4_text(address.data());
}

Json rule_json(const PassRule& rule) {
    Json json{{"id", rule.id}};
    FlowKey named;
    if (rule.protocol) {
        named.protocol = *rule.protocol;
        json["proto"] = protocol_name(named);
    }
    if (rule.guest) json["guest"] = address_text(*rule.guest, *rule.kind);
    if (rule.peer) json["peer"] = address_text(*rule.peer, *rule.kind);
    if (rule.guest_port) json["guest-port"] = *rule.guest_port;
    if (rule.peer_port) json["peer-port"] = *rule.peer_port;
    json["frames"] = rule.frames;
    return json;
}

std::string why_not_added(const PassRules& rules, const std::string& id) {
    if (rules.has(id)) return "the id is taken";
    return "there are " + std::to_string(PassRules::kMaxRules) + " rules, and no more are possible";
}

/// All have the same rules: where the first takes one, all do.
Result add_rule(FilterHost& host, const Json& arguments) {
    const PassRule rule = parse_rule(arguments);
    some_comparing(host);
    for (Comparator* comparator : comparators(host)) {
        if (!comparator->add_rule(rule, host.loop().now()))
            return CommandError{"passthrough rule '" + clipped(rule.id) +
                                "': " + why_not_added(comparator->rules(), rule.id)};
    }
    touch_all(host);
    return Json::object();
}

Result remove_rule(FilterHost& host, const std::string& id) {
    bool found = false;
    for (Comparator* comparator : comparators(host)) {
        found |= comparator->remove_rule(id, host.loop().now());
    }
    touch_all(host);
    if (!found) return CommandError{"passthrough rule '" + clipped(id) + "' not found"};
    return Json::object();
}

uint64_t frames_passed_by(const std::string& rule, const std::vector<Comparator*>& all) {
    uint64_t frames = 0;
    for (const Comparator* comparator : all) {
        for (const auto& candidate : comparator->rules().all()) {
            if (candidate && candidate->id == rule) frames += candidate->frames;
        }
    }
    return frames;
}

Json list_rules(FilterHost& host) {
    Json list = Json::array();
    const auto all = comparators(host);
    if (all.empty()) return list;
    for (const auto& rule : all.front()->rules().all()) {
        if (!rule) continue;
        PassRule sum = *rule;
        sum.frames = frames_passed_by(rule->id, all);
        list.push_back(rule_json(sum));
    }
    return list;
}

void add(CommandRegistry& registry, Command command, std::function<Result(const Json&)> function) {
    command.run = answer_with(std::move(function));
    registry.add(std::move(command));
}

void add_queries(CommandRegistry& registry, FilterHost& host) {
    add(registry,
        {.name = "query-colo-proxy", .arguments = {}, .help = "mode, flows, queues, checkpoints", .info = "colo"},
        [&host](const Json&) { return colo_status(host); });
    add(registry,
        {.name = "colo-proxy-flows",
         .arguments = {{"after", ArgumentType::kInteger, false}, {"limit", ArgumentType::kInteger, false}},
         .help = "the flows, a page at a time",
         .info = "flows"},
        [&host](const Json& arguments) { return flows(host, arguments); });
}

void add_rules(CommandRegistry& registry, FilterHost& host) {
    add(registry,
        {.name = "colo-proxy-passthrough-add",
         .arguments = {{"id"},
                       {"proto", ArgumentType::kString, false},
                       {"guest", ArgumentType::kString, false},
                       {"peer", ArgumentType::kString, false},
                       {"guest-port", ArgumentType::kInteger, false},
                       {"peer-port", ArgumentType::kInteger, false}},
         .help = "let flows pass uncompared"},
        [&host](const Json& arguments) { return add_rule(host, arguments); });
    add(registry,
        {.name = "colo-proxy-passthrough-del", .arguments = {{"id"}}, .help = "compare them again"},
        [&host](const Json& arguments) { return remove_rule(host, arguments["id"]); });
    add(registry,
        {.name = "query-colo-proxy-passthrough", .arguments = {}, .help = "the passthrough rules"},
        [&host](const Json&) { return list_rules(host); });
}

void add_checkpoint(CommandRegistry& registry, FilterHost& host) {
    add(registry, {.name = "colo-proxy-checkpoint", .arguments = {}, .help = "ask for a checkpoint"},
        [&host](const Json&) -> Result {
            const auto all = some_comparing(host);
            for (const Comparing* one : all) one->need_checkpoints();
            for (Comparing* one : all) one->ask_for_checkpoint(Reason::kManual);
            return Json::object();
        });
}

}  // namespace

Json colo_status(FilterHost& host) {
    const ComparingStatus sum = sum_of(comparing(host));
    const auto all = comparators(host);
    Figures figures;
    for (const Comparator* comparator : all) figures.add(*comparator);
    Json checkpoints = Json::object();
    for (size_t i = 0; i < kReasons; ++i)
        checkpoints[to_string(static_cast<Reason>(i))] = sum.checkpoints[i];
    return Json{
        {"mode", sum.mode},
        {"role", sum.role},
        {"epoch", sum.epoch},
        {"flows",
         {{"tracked", figures.tracked},
          {"half-open", figures.half_open},
          {"closing", figures.closing},
          {"untracked-held", figures.untracked_held}}},
        {"queued",
         {{"primary-frames", figures.queued.primary_frames},
          {"primary-bytes", figures.queued.primary_bytes},
          {"secondary-frames", figures.queued.secondary_frames},
          {"secondary-bytes", figures.queued.secondary_bytes}}},
        {"frames",
         {{"primary", figures.primary},
          {"secondary", figures.secondary},
          {"released", figures.released},
          {"passed", figures.passed},
          {"dropped", figures.dropped}}},
        {"checkpoints", std::move(checkpoints)},
        {"hold-us", hold_times_json(all)},
        {"peer", sum.peer},
    };
}

void add_colo_commands(CommandRegistry& registry, FilterHost& host) {
    add_queries(registry, host);
    add_rules(registry, host);
    add_checkpoint(registry, host);
}

void add_run_commands(CommandRegistry& registry, FilterHost& host) {
    add(registry,
        {.name = "colo-proxy-failover",
         .arguments = {{"force", ArgumentType::kBoolean, false}},
         .help = "the secondary's VM goes on alone"},
        [&host](const Json&) -> Result {
            if (!host.failed_over()) return CommandError{"there is no filter-rewriter: nothing fails over here"};
            host.emit("COLO_PROXY_MODE", Json{{"mode", "unprotected"}, {"reason", "failover"}});
            return Json::object();
        });
    for (const char* name : {"colo-proxy-start", "colo-proxy-stop", "colo-proxy-reprotect"}) {
        add(registry, {.name = name, .arguments = {}, .help = "of colo-proxy primary and secondary"},
            [name = std::string(name)](const Json&) -> Result {
                return CommandError{name + ": colo-proxy run drives no QEMU; see colo-proxy primary"};
            });
    }
}

}  // namespace colo
