// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_arguments.h"

#include <glib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/plain_value.h"

namespace colo {

namespace {

constexpr int64_t kMaxTimeoutMs = 86'400'000;
constexpr int64_t kMaxConnections = 1 << 26;

const std::string kStandardInput = "-";

/// Raw option values, owned by GLib. Texts are taken as they are (G_OPTION_ARG_FILENAME): GLib's
/// conversion to UTF-8 would fail without naming the option, and its numbers be octal behind a zero.
struct RawArguments {
    char* primary = nullptr;
    char* secondary = nullptr;
    char** guests = nullptr;
    char* released = nullptr;
    char* timeout_ms = nullptr;
    char* max_connections = nullptr;
    char* max_queue_bytes = nullptr;
    int align = 0;
    int json = 0;

    RawArguments() = default;
    RawArguments(const RawArguments&) = delete;
    RawArguments& operator=(const RawArguments&) = delete;
    ~RawArguments() {
        g_free(primary);
        g_free(secondary);
        g_strfreev(guests);
        g_free(released);
        g_free(timeout_ms);
        g_free(max_connections);
        g_free(max_queue_bytes);
    }
};

using ContextPointer = std::unique_ptr<GOptionContext, decltype(&g_option_context_free)>;

/// A context that fills in `raw`, which must outlive it.
ContextPointer make_context(RawArguments& raw) {
    const GOptionEntry entries[] = {
        {"primary", 0, 0, G_OPTION_ARG_FILENAME, &raw.primary, "recording of the primary VM",
         "FILE"},
        {"secondary", 0, 0, G_OPTION_ARG_FILENAME, &raw.secondary, "recording of the secondary VM",
         "FILE"},
        {"guest", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw.guests,
         "a guest's address (MAC, IPv4, IPv6): its frames are output, the others input; "
         "repeatable; without it every frame is output",
         "ADDR"},
        {"released", 0, 0, G_OPTION_ARG_FILENAME, &raw.released,
         "write the released frames, in order and with the times of their release", "OUT.pcap"},
        {"compare-timeout", 0, 0, G_OPTION_ARG_FILENAME, &raw.timeout_ms,
         "how long output waits for its counterpart (3000)", "MS"},
        {"max-connections", 0, 0, G_OPTION_ARG_FILENAME, &raw.max_connections,
         "flows tracked at a time (1000000)", "N"},
        {"max-queue-bytes", 0, 0, G_OPTION_ARG_FILENAME, &raw.max_queue_bytes,
         "frame bytes held at a time (67108864)", "N"},
        {"align", 0, 0, G_OPTION_ARG_NONE, &raw.align, "start both recordings at 0", nullptr},
        {"json", 0, 0, G_OPTION_ARG_NONE, &raw.json, "print one JSON object", nullptr},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr},
    };
    ContextPointer context(g_option_context_new("- compare two recordings"),
                           g_option_context_free);
    g_option_context_set_description(
        context.get(),
        "FILE is pcap or pcapng, - for standard input (one of the two).\n"
        "Exit status: 0 identical, 1 a checkpoint was needed, 2 bad usage or unreadable input.\n");
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    return context;
}

/// GLib takes "--json=no" for "--json".
void refuse_values_of_switches(int argc, char** argv) {
    for (const std::string name : {"--align", "--json"}) {
        const bool given = std::any_of(argv + 1, argv + argc, [&](std::string_view word) {
            return word.starts_with(name + "=");
        });
        if (given) throw UsageError(name + " takes no value");
    }
}

void parse_raw(int argc, char** argv, RawArguments& raw) {
    refuse_values_of_switches(argc, argv);
    const ContextPointer context = make_context(raw);
    GError* error = nullptr;
    if (!g_option_context_parse(context.get(), &argc, &argv, &error)) {
        const UsageError usage(error->message);
        g_error_free(error);
        throw usage;
    }
    if (argc > 1) throw UsageError("unexpected argument \"" + std::string(argv[argc - 1]) + "\"");
}

bool same_file(const std::string& path, const std::string& recording) {
    const char* read = recording == kStandardInput ? "/dev/stdin" : recording.c_str();
    struct stat of_path;
    struct stat of_read;
    return stat(path.c_str(), &of_path) == 0 && stat(read, &of_read) == 0 &&
           of_path.st_dev == of_read.st_dev && of_path.st_ino == of_read.st_ino;
}

/// What is not given is as ComparatorConfig has it.
void take_limits(const RawArguments& raw, ComparatorConfig& config) {
    if (raw.timeout_ms) {
        const auto ms = decimal<int64_t>(raw.timeout_ms, 1, kMaxTimeoutMs);
        if (!ms) throw UsageError("--compare-timeout takes 1 to " + std::to_string(kMaxTimeoutMs) + " ms");
        config.compare_timeout = milliseconds(*ms);
    }
    if (raw.max_connections) {
        const auto connections = decimal<int64_t>(raw.max_connections, 1, kMaxConnections);
        if (!connections) throw UsageError("--max-connections takes 1 to " + std::to_string(kMaxConnections));
        config.max_connections = static_cast<uint32_t>(*connections);
    }
    if (raw.max_queue_bytes) {
        const auto bytes = decimal<int64_t>(raw.max_queue_bytes, 1);
        if (!bytes) throw UsageError("--max-queue-bytes takes a positive number");
        config.max_queue_bytes = static_cast<uint64_t>(*bytes);
    }
}

void take_recordings(const RawArguments& raw, ReplayOptions& options) {
    if (!raw.primary || !raw.secondary) {
        throw UsageError("--primary and --secondary are needed; see --help");
    }
    options.primary = raw.primary;
    options.secondary = raw.secondary;
    if (options.primary == kStandardInput && options.secondary == kStandardInput) {
        throw UsageError("--primary, --secondary: standard input can be one of the two, not both");
    }
}

void take_guests(char** guests, ReplayOptions& options) {
    for (; guests && *guests; ++guests) {
        std::string error;
        const auto address = GuestAddress::from_text(*guests, error);
        if (!address) throw UsageError("--guest: " + error);
        options.guests.push_back(*address);
    }
}

/// Behind take_recordings().
void take_released(const char* path, ReplayOptions& options) {
    if (!path) return;
    if (path == kStandardInput) {
        throw UsageError("--released needs a file: standard output is for the result");
    }
    if (same_file(path, options.primary) || same_file(path, options.secondary)) {
        throw UsageError("--released would overwrite a recording");
    }
    options.released = path;
}

}  // namespace

ReplayArguments parse_replay_arguments(int argc, char** argv) {
    RawArguments raw;
    parse_raw(argc, argv, raw);
    ReplayArguments arguments;
    ReplayOptions& options = arguments.options;
    take_limits(raw, options.comparator);
    take_recordings(raw, options);
    take_guests(raw.guests, options);
    take_released(raw.released, options);
    options.align = raw.align;
    options.comparator.both_directions = options.guests.empty();
    options.comparator.count_bad_checksums = true;
    arguments.json = raw.json;
    return arguments;
}

}  // namespace colo
