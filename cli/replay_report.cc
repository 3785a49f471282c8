// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cctype>
#include <cstdarg>
#include <cstdio>

#include "cli/replay_output.h"

namespace colo {

namespace {

constexpr size_t kRow = 8;             ///< bytes a row and side of the hex view
constexpr size_t kShownDivergences = 3;
constexpr size_t kShownCheckpoints = 20;
constexpr size_t kShownFlows = 30;

class Report {
  public:
    explicit Report(bool colour) : colour_(colour) {}

    [[gnu::format(printf, 2, 3)]] void line(const char* format, ...) {
        char buffer[512];
        va_list arguments;
        va_start(arguments, format);
        std::vsnprintf(buffer, sizeof buffer, format, arguments);
        va_end(arguments);
        text_ += buffer;
        text_ += '\n';
    }
    std::string red(const std::string& text) const { return paint("\033[31m", text); }
    std::string green(const std::string& text) const { return paint("\033[32m", text); }
    std::string bold(const std::string& text) const { return paint("\033[1m", text); }
    std::string take() { return std::move(text_); }

  private:
    std::string paint(const char* code, const std::string& text) const {
        return colour_ ? code + text + "\033[0m" : text;
    }

    bool colour_;
    std::string text_;
};

std::string flow_name(const FlowKey& key) {
    std::string name = protocol_name(key) + " " + guest_name(key) + " -> " + peer_name(key);
    if (key.vlan_outer != kNoVlan) name += " vlan " + std::to_string(key.vlan_outer);
    if (key.vlan_inner != kNoVlan) (name += '.') += std::to_string(key.vlan_inner);
    return name;
}

std::string milliseconds_text(Time time) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3f ms", static_cast<double>(time.count()) / 1e6);
    return buffer;
}

/// One side of a row: `kRow` bytes in hex and as characters; bytes that differ are marked.
std::string half_row(const Report& report, const std::vector<uint8_t>& own,
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
        hex += ' ' + (differs ? report.red(byte) : std::string(byte));
        characters += differs ? report.red(character) : character;
    }
    return hex + "  " + characters;
}

void show_evidence(Report& report, const Evidence& evidence) {
    if (!evidence.detail.empty()) report.line("    %s", evidence.detail.c_str());
    const size_t size = std::max(evidence.primary.size(), evidence.secondary.size());
    if (size == 0) return;
    report.line("    %10s  %-*s %s", "offset", static_cast<int>(3 * kRow + 3 + kRow), "primary",
                "secondary");
    for (size_t begin = 0; begin < size; begin += kRow) {
        const auto& ours = evidence.primary;
        const auto& theirs = evidence.secondary;
        const bool differs =
            !std::equal(ours.begin() + std::min(begin, ours.size()),
                        ours.begin() + std::min(begin + kRow, ours.size()),
                        theirs.begin() + std::min(begin, theirs.size()),
                        theirs.begin() + std::min(begin + kRow, theirs.size()));
        report.line("    %10llu %s %s%s", static_cast<unsigned long long>(evidence.begin + begin),
                    half_row(report, ours, theirs, begin).c_str(), differs ? "|" : " ",
                    half_row(report, theirs, ours, begin).c_str());
    }
}

void show_checkpoints(Report& report, const ReplayResult& result) {
    if (result.checkpoints.empty()) return;
    report.line("%s", report.bold("Checkpoints").c_str());
    size_t shown_evidence = 0;
    size_t shown = 0;
    for (const ReplayCheckpoint& checkpoint : result.checkpoints) {
        if (++shown > kShownCheckpoints) break;
        const CheckpointRequest& request = checkpoint.request;
        std::string where = request.flow ? flow_name(*request.flow) : "";
        if (request.offset) where += ", byte " + std::to_string(*request.offset);
        if (request.evidence) where += std::string(": ") + request.evidence->what;
        report.line("  %12.6f s  %-11s %s", std::chrono::duration<double>(checkpoint.at).count(),
                    to_string(request.reason), where.c_str());
        if (request.evidence && shown_evidence++ < kShownDivergences) {
            show_evidence(report, *request.evidence);
        }
    }
    if (result.checkpoints.size() > kShownCheckpoints) {
        report.line("  ... and %zu more", result.checkpoints.size() - kShownCheckpoints);
    }
    report.line("%s", "");
}

const char* state_of(const FlowStatus& flow) {
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

void show_flows(Report& report, const ReplayResult& result) {
    report.line("%s", report.bold("Flows tracked at the end").c_str());
    report.line("  %-7s %-28s %-28s %-12s %12s %s", "proto", "guest", "peer", "state", "verified",
                "checkpoints");
    size_t shown = 0;
    for (const FlowStatus& flow : result.flows) {
        if (++shown > kShownFlows) break;
        const auto of_this_flow = [&](const ReplayCheckpoint& checkpoint) {
            return checkpoint.request.flow == flow.key;
        };
        const auto checkpoints = std::count_if(result.checkpoints.begin(),
                                               result.checkpoints.end(), of_this_flow);
        const std::string verified = flow.key.is_tcp() ? std::to_string(flow.verified) : "-";
        report.line("  %-7s %-28s %-28s %-12s %12s %s", protocol_name(flow.key).c_str(),
                    guest_name(flow.key).c_str(), peer_name(flow.key).c_str(), state_of(flow),
                    verified.c_str(), checkpoints ? std::to_string(checkpoints).c_str() : "-");
    }
    const uint64_t more = result.flows.size() - std::min(result.flows.size(), kShownFlows) +
                          result.flows_not_listed;
    if (more > 0) report.line("  ... and %llu more", static_cast<unsigned long long>(more));
}

void show_counters(Report& report, const ReplayResult& result) {
    report.line("%s", "");
    report.line("%s", report.bold("Counters that are not 0").c_str());
    for (const auto& [name, value] : result.counters) {
        if (value) report.line("  %-26s %llu", name.c_str(), static_cast<unsigned long long>(value));
    }
}

}  // namespace

std::string replay_report(const ReplayOptions& options, const ReplayResult& result, bool colour) {
    Report report(colour);
    report.line("primary    %s", options.primary.c_str());
    report.line("secondary  %s", options.secondary.c_str());
    report.line("verdict    %s", result.identical()
                                     ? report.green("identical").c_str()
                                     : report.red("diverged: " +
                                                  std::to_string(result.checkpoints.size()) +
                                                  " checkpoint(s) needed")
                                           .c_str());
    report.line("%s", "");
    report.line("  %llu frames of the primary, %llu output, %llu released",
                static_cast<unsigned long long>(result.primary.frames),
                static_cast<unsigned long long>(result.primary.output),
                static_cast<unsigned long long>(result.released));
    report.line("  %llu frames of the secondary, %llu output",
                static_cast<unsigned long long>(result.secondary.frames),
                static_cast<unsigned long long>(result.secondary.output));
    report.line("  %llu flows in %.3f s; output held p50 %s, p99 %s, longest %s",
                static_cast<unsigned long long>(result.flow_count),
                std::chrono::duration<double>(result.duration).count(),
                milliseconds_text(result.hold_p50).c_str(),
                milliseconds_text(result.hold_p99).c_str(),
                milliseconds_text(result.hold_max).c_str());
    report.line("%s", "");
    show_checkpoints(report, result);
    show_flows(report, result);
    show_counters(report, result);
    return report.take();
}

}  // namespace colo
