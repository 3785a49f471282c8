// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_report.h"

#include <algorithm>
#include <cctype>
#include <chrono>

namespace colo {

namespace {

constexpr size_t kRow = 8;  ///< bytes a row and side of the hex view

unsigned long long number(uint64_t value) { return value; }

double seconds_of(Time time) { return std::chrono::duration<double>(time).count(); }
double milliseconds_of(Time time) { return seconds_of(time) * 1e3; }

std::string vlan_text(const FlowKey& key) {
    std::string text;
    if (key.vlan_outer != kNoVlan) text += " vlan " + std::to_string(key.vlan_outer);
    if (key.vlan_inner != kNoVlan) (text += '.') += std::to_string(key.vlan_inner);
    return text;
}

std::string flow_text(const FlowKey& key) {
    return protocol_name(key) + " " + guest_name(key) + " -> " + peer_name(key) + vlan_text(key);
}

std::string state_text(const FlowStatus& flow) {
    if (flow.unprotected) return "unprotected";
    switch (flow.phase) {
        case Phase::kHalfOpen:
            return "half-open";
        case Phase::kEstablished:
            return "established";
        case Phase::kClosing:
            return "closing";
        default:
            return "-";
    }
}

/// One side of a row: kRow bytes in hex and as characters; bytes that differ are marked.
std::string half_row(const ReplayLines& lines, const std::vector<uint8_t>& own,
                     const std::vector<uint8_t>& other, size_t begin) {
    std::string hex;
    std::string characters;
    for (size_t i = begin; i < begin + kRow; ++i) {
        if (i >= own.size()) {
            hex += " --";
            characters += ' ';
            continue;
        }
        char byte[4];
        std::snprintf(byte, sizeof byte, "%02x", own[i]);
        const bool differs = i >= other.size() || own[i] != other[i];
        const std::string character(1, std::isprint(own[i]) ? static_cast<char>(own[i]) : '.');
        hex += ' ' + (differs ? lines.red(byte) : std::string(byte));
        characters += differs ? lines.red(character) : character;
    }
    return hex + "  " + characters;
}

bool row_differs(const Evidence& evidence, size_t begin) {
    const auto row = [begin](const std::vector<uint8_t>& side) {
        const Bytes from = Bytes(side).subspan(std::min(begin, side.size()));
        return from.first(std::min(from.size(), kRow));
    };
    return !std::ranges::equal(row(evidence.primary), row(evidence.secondary));
}

void add_evidence(ReplayLines& lines, const Evidence& evidence) {
    if (!evidence.detail.empty()) lines.add("    %s", evidence.detail.c_str());
    const size_t size = std::max(evidence.primary.size(), evidence.secondary.size());
    if (size == 0) return;
    lines.add("    %10s  %-*s  secondary", "offset", static_cast<int>(3 * kRow + 2 + kRow),
              "primary");
    for (size_t begin = 0; begin < size; begin += kRow) {
        lines.add("    %10llu %s %s%s", number(evidence.begin + begin),
                  half_row(lines, evidence.primary, evidence.secondary, begin).c_str(),
                  row_differs(evidence, begin) ? "|" : " ",
                  half_row(lines, evidence.secondary, evidence.primary, begin).c_str());
    }
}

void add_checkpoint(ReplayLines& lines, const ReplayCheckpoint& checkpoint) {
    const CheckpointRequest& request = checkpoint.request;
    std::string where = request.flow ? flow_text(*request.flow) : "";
    if (request.offset) where += ", byte " + std::to_string(*request.offset);
    if (request.evidence) where += std::string(": ") + request.evidence->what;
    lines.add("  %12.6f s  %-11s %s", seconds_of(checkpoint.at), to_string(request.reason),
              where.c_str());
}

void add_counters(ReplayLines& lines, const ReplayResult& result) {
    lines.add_empty();
    lines.add("%s", lines.bold("Counters that are not 0").c_str());
    for (const auto& [name, value] : result.counters) {
        if (value) lines.add("  %-26s %llu", name.c_str(), number(value));
    }
}

}  // namespace

ReplayReport::ReplayReport(bool colour) : colour_(colour), by_flow_(0, FlowHash::random()) {}

void ReplayReport::checkpoint(const ReplayCheckpoint& checkpoint) {
    ++by_reason_[static_cast<size_t>(checkpoint.request.reason)];
    if (shown_.size() < kShownCheckpoints) shown_.push_back(checkpoint);
    if (!checkpoint.request.flow) return;
    const auto found = by_flow_.find(*checkpoint.request.flow);
    if (found != by_flow_.end()) {
        ++found->second;
    } else if (by_flow_.size() < kCountedFlows) {
        by_flow_.emplace(*checkpoint.request.flow, 1);
    }
}

std::string ReplayReport::checkpoints_of(const FlowKey& flow) const {
    const auto found = by_flow_.find(flow);
    if (found != by_flow_.end()) return std::to_string(found->second);
    return by_flow_.size() < kCountedFlows ? "-" : "?";
}

void ReplayReport::add_summary(ReplayLines& lines, const ReplayOptions& options,
                               const ReplayResult& result) const {
    const std::string verdict =
        result.identical() ? lines.green("identical")
                           : lines.red("diverged: " + std::to_string(result.checkpoints) +
                                       " checkpoint(s) needed");
    lines.add("primary    %s", options.primary.c_str());
    lines.add("secondary  %s", options.secondary.c_str());
    lines.add("verdict    %s", verdict.c_str());
    lines.add_empty();
    lines.add("  %llu frames of the primary, %llu output, %llu released",
              number(result.primary.frames), number(result.primary.output),
              number(result.released));
    lines.add("  %llu frames of the secondary, %llu output", number(result.secondary.frames),
              number(result.secondary.output));
    lines.add("  %llu flows in %.3f s; output held p50 %.3f ms, p99 %.3f ms, longest %.3f ms",
              number(result.flow_count), seconds_of(result.duration),
              milliseconds_of(result.hold_p50), milliseconds_of(result.hold_p99),
              milliseconds_of(result.hold_max));
    lines.add_empty();
}

void ReplayReport::add_checkpoints(ReplayLines& lines, uint64_t count) const {
    if (count == 0) return;
    std::string reasons;
    for (size_t i = 0; i < kReasons; ++i) {
        if (by_reason_[i] == 0) continue;
        reasons += std::string(reasons.empty() ? "" : ", ") + to_string(static_cast<Reason>(i)) +
                   " " + std::to_string(by_reason_[i]);
    }
    lines.add("%s: %s", lines.bold("Checkpoints").c_str(), reasons.c_str());
    size_t with_bytes = 0;
    for (const ReplayCheckpoint& checkpoint : shown_) {
        add_checkpoint(lines, checkpoint);
        const auto& evidence = checkpoint.request.evidence;
        if (evidence && with_bytes++ < kShownDivergences) add_evidence(lines, *evidence);
    }
    if (count > shown_.size()) lines.add("  ... and %llu more", number(count - shown_.size()));
    lines.add_empty();
}

void ReplayReport::add_flows(ReplayLines& lines, const ReplayResult& result) const {
    lines.add("%s", lines.bold("Flows tracked at the end").c_str());
    lines.add("  %-7s %-28s %-28s %-12s %12s %s", "proto", "guest", "peer", "state", "verified",
              "checkpoints");
    for (const FlowStatus& flow : result.flows) {
        const std::string verified = flow.key.is_tcp() ? std::to_string(flow.verified) : "-";
        lines.add("  %-7s %-28s %-28s %-12s %12s %s%s", protocol_name(flow.key).c_str(),
                  guest_name(flow.key).c_str(), peer_name(flow.key).c_str(),
                  state_text(flow).c_str(), verified.c_str(), checkpoints_of(flow.key).c_str(),
                  vlan_text(flow.key).c_str());
    }
    if (result.flows_not_listed == 0) return;
    lines.add("  ... and %llu more", number(result.flows_not_listed));
}

void ReplayReport::print(const ReplayOptions& options, const ReplayResult& result,
                         std::FILE* out) {
    ReplayLines lines(colour_);
    add_summary(lines, options, result);
    add_checkpoints(lines, result.checkpoints);
    add_flows(lines, result);
    add_counters(lines, result);
    std::fwrite(lines.text().data(), 1, lines.text().size(), out);
}

}  // namespace colo
