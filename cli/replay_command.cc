// SPDX-License-Identifier: GPL-2.0-or-later
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/replay_output.h"

namespace colo {

namespace {

constexpr int kIdentical = 0;
constexpr int kDiverged = 1;
constexpr int kUnusable = 2;

constexpr int64_t kMaxTimeoutMs = 86'400'000;
constexpr int64_t kMaxConnections = 1 << 26;

/// Raw option values, owned by GLib.
struct Arguments {
    char* primary = nullptr;
    char* secondary = nullptr;
    char** guests = nullptr;
    char* released = nullptr;
    int64_t timeout_ms = 3000;
    int64_t max_connections = 1'000'000;
    int64_t max_queue_bytes = 64 << 20;
    int align = 0;
    int json = 0;

    Arguments() = default;
    Arguments(const Arguments&) = delete;
    Arguments& operator=(const Arguments&) = delete;
    ~Arguments() {
        g_free(primary);
        g_free(secondary);
        g_strfreev(guests);
        g_free(released);
    }
};

int unusable(const std::string& message) {
    std::fprintf(stderr, "colo-proxy replay: %s\n", message.c_str());
    return kUnusable;
}

std::optional<std::string> parse_arguments(int argc, char** argv, Arguments& a) {
    const GOptionEntry entries[] = {
        {"primary", 0, 0, G_OPTION_ARG_FILENAME, &a.primary, "recording of the primary VM", "FILE"},
        {"secondary", 0, 0, G_OPTION_ARG_FILENAME, &a.secondary, "recording of the secondary VM",
         "FILE"},
        {"guest", 0, 0, G_OPTION_ARG_STRING_ARRAY, &a.guests,
         "a guest's address (MAC, IPv4, IPv6): its frames are output, the others input; repeatable; "
         "without it every frame is output",
         "ADDR"},
        {"released", 0, 0, G_OPTION_ARG_FILENAME, &a.released,
         "write the released frames, in order and with the times of their release", "OUT.pcap"},
        {"compare-timeout", 0, 0, G_OPTION_ARG_INT64, &a.timeout_ms,
         "how long output waits for its counterpart (3000)", "MS"},
        {"max-connections", 0, 0, G_OPTION_ARG_INT64, &a.max_connections,
         "flows tracked at a time (1000000)", "N"},
        {"max-queue-bytes", 0, 0, G_OPTION_ARG_INT64, &a.max_queue_bytes,
         "frame bytes held at a time (67108864)", "N"},
        {"align", 0, 0, G_OPTION_ARG_NONE, &a.align, "start both recordings at 0", nullptr},
        {"json", 0, 0, G_OPTION_ARG_NONE, &a.json, "print one JSON object", nullptr},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr},
    };
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
        g_option_context_new("- compare two recordings"), g_option_context_free);
    g_option_context_set_description(
        context.get(),
        "FILE is pcap or pcapng, - for standard input (one of the two).\n"
        "Exit status: 0 identical, 1 a checkpoint was needed, 2 bad usage or unreadable input.\n");
    g_option_context_add_main_entries(context.get(), entries, nullptr);
    GError* error = nullptr;
    if (!g_option_context_parse(context.get(), &argc, &argv, &error)) {
        std::string message = error->message;
        g_error_free(error);
        return message;
    }
    if (argc > 1) return std::string("unexpected argument ") + argv[1];
    return std::nullopt;
}

bool same_file(const std::string& a, const std::string& b) {
    struct stat of_a;
    struct stat of_b;
    return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/// Checks what GLib cannot. An error message, or nothing and `options` filled in.
std::optional<std::string> check_arguments(const Arguments& a, ReplayOptions& options) {
    if (!a.primary || !a.secondary) return "--primary and --secondary are needed; see --help";
    options.primary = a.primary;
    options.secondary = a.secondary;
    if (options.primary == "-" && options.secondary == "-") {
        return "standard input can be one of the two recordings, not both";
    }
    if (a.timeout_ms < 1 || a.timeout_ms > kMaxTimeoutMs) {
        return "--compare-timeout takes 1 to " + std::to_string(kMaxTimeoutMs) + " ms";
    }
    if (a.max_connections < 1 || a.max_connections > kMaxConnections) {
        return "--max-connections takes 1 to " + std::to_string(kMaxConnections);
    }
    if (a.max_queue_bytes < 1) return "--max-queue-bytes takes a positive number";
    for (char** guest = a.guests; guest && *guest; ++guest) {
        std::string error;
        const auto address = GuestAddress::from_text(*guest, error);
        if (!address) return "--guest: " + error;
        options.guests.push_back(*address);
    }
    if (a.released) {
        options.released = a.released;
        if (same_file(*options.released, options.primary) ||
            same_file(*options.released, options.secondary)) {
            return "--released would overwrite a recording";
        }
    }
    options.align = a.align;
    options.comparator.compare_timeout = milliseconds(a.timeout_ms);
    options.comparator.max_connections = static_cast<uint32_t>(a.max_connections);
    options.comparator.max_queue_bytes = static_cast<uint64_t>(a.max_queue_bytes);
    options.comparator.both_directions = options.guests.empty();
    options.comparator.count_bad_checksums = true;
    return std::nullopt;
}

}  // namespace

int replay_command(int argc, char** argv) {
    Arguments arguments;
    if (const auto error = parse_arguments(argc, argv, arguments)) return unusable(*error);
    ReplayOptions options;
    if (const auto error = check_arguments(arguments, options)) return unusable(*error);
    const ReplayResult result = replay(options);
    for (const std::string& warning : result.warnings) {
        std::fprintf(stderr, "colo-proxy replay: warning: %s\n", warning.c_str());
    }
    const std::string text = arguments.json
                                 ? replay_json(result) + "\n"
                                 : replay_report(options, result, isatty(STDOUT_FILENO) == 1);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
        return unusable("standard output cannot be written");
    }
    return result.identical() ? kIdentical : kDiverged;
}

}  // namespace colo
