// SPDX-License-Identifier: GPL-2.0-or-later
#include <glib.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/monitor_client.h"
#include "cli/monitor_terminal.h"
#include "monitor/json_value.h"
#include "monitor/readable.h"
#include "monitor/words.h"

namespace colo {

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char* kPrompt = "(colo-proxy) ";

/// "12:34:56 COLO_PROXY_MODE mode=lockstep reason=..."
std::string event_line(const Json& event) {
    const std::unique_ptr<GDateTime, decltype(&g_date_time_unref)> now(g_date_time_new_now_local(),
                                                                       g_date_time_unref);
    const std::unique_ptr<char, decltype(&g_free)> time(g_date_time_format(now.get(), "%T"),
                                                        g_free);
    return std::string(time.get()) + " " + readable_inline(event["event"]) + " " +
           readable_inline(event.value("data", Json::object())) + "\n";
}

/// Lines from where no one types.
class ScriptInput {
  public:
    template <typename Wait>
    std::optional<std::string> line(const Wait& wait) {
        for (;;) {
            const size_t end = buffer_.find('\n');
            if (end != std::string::npos || at_end_) return take(end);
            wait();
            char bytes[4096];
            const ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
            if (size <= 0) at_end_ = true;
            if (size > 0) buffer_.append(bytes, static_cast<size_t>(size));
        }
    }

  private:
    std::optional<std::string> take(size_t end) {
        if (buffer_.empty()) return std::nullopt;
        const std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end == std::string::npos ? end : end + 1);
        return line;
    }

    std::string buffer_;
    bool at_end_ = false;
};

class MonitorShell {
  public:
    explicit MonitorShell(const std::string& path)
        : interactive_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)),
          client_(connect_to_monitor(path), [this](const Json& event) { show_event(event); }) {}

    int run_all(const std::vector<std::string>& lines) {
        for (const std::string& line : lines) run(line);
        return status_;
    }

    int run_input() {
        try {
            if (interactive_) {
                run_terminal();
            } else {
                ScriptInput input;
                while (const auto line = input.line([this] { wait(); })) run(*line);
            }
        } catch (const MonitorGone&) {
            if (!quitting_) throw;
        }
        if (!interactive_) return status_;
        std::printf("\n");
        return kDone;  // failures have been seen
    }

  private:
    void run_terminal() {
        std::printf("Tab completes, help lists the commands, Ctrl-D leaves.\n");
        MonitorTerminal terminal(MonitorCompletion(command_help()), monitor_history_file());
        while (const auto line = terminal.line(kPrompt, [this] { typing([this] { wait(); }); })) {
            run(*line);
        }
    }

    template <typename Function>
    void typing(const Function& function) {
        typing_ = true;
        function();
        typing_ = false;
    }

    /// Until standard input can be read; shows events meanwhile.
    void wait() {
        pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {client_.fd(), POLLIN, 0}};
        for (;;) {
            if (poll(watched, 2, -1) < 0) continue;
            if (watched[0].revents) return;
            client_.read_events();
        }
    }

    void run(const std::string& text) {
        const std::string line(trimmed(text));
        if (line.empty() || line.front() == '#') return;
        quitting_ = line == "quit";
        if (line.front() == '{') {
            run_json(line);
        } else {
            run_words(line);
        }
        std::fflush(stdout);
    }

    void run_words(const std::string& line) {
        const Json response = client_.request("human-monitor-command", {{"command-line", line}});
        if (failed(response)) return;
        const Json& text = response["return"];
        std::fputs(text.is_string() ? text.get<std::string>().c_str() : readable(text).c_str(),
                   stdout);
    }

    void run_json(const std::string& line) {
        std::string error;
        const auto request = parse_json(line, error);
        if (!request) return fail(error);
        const Json response = client_.request(*request);
        if (!failed(response)) std::printf("%s\n", to_line(response).c_str());
    }

    bool failed(const Json& response) {
        if (!response.contains("error")) return false;
        const Json& error = response["error"];
        const bool described = error.is_object() && error.contains("desc");
        fail(readable_inline(described ? error["desc"] : error));
        return true;
    }

    void fail(const std::string& what) {
        std::fflush(stdout);
        std::fprintf(stderr, "Error: %s\n", what.c_str());
        status_ = kFailed;
    }

    /// With a monitor that does not know it (QEMU's), the names at least.
    Json command_help() {
        for (const char* command : {"colo-proxy-command-help", "query-commands"}) {
            const Json response = client_.request(command, Json::object());
            if (response.contains("return")) return response["return"];
        }
        return Json::array();
    }

    void show_event(const Json& event) {
        if (typing_) return MonitorTerminal::show(event_line(event));
        // A script's results are not mixed with what it did not ask for.
        std::fputs(event_line(event).c_str(), interactive_ ? stdout : stderr);
    }

    bool interactive_;
    bool typing_ = false;
    bool quitting_ = false;
    int status_ = kDone;
    MonitorClient client_;
};

constexpr const char* kDescription =
    "SOCKET is the path of a QMP monitor (-qmp, --monitor). Each COMMAND is a line of the text "
    "monitor,\n"
    "such as 'info colo' or 'qom-set /objects/comp0 compare_timeout 500', or a QMP request in "
    "JSON.\n"
    "Without COMMAND lines come from standard input; empty ones and those that begin with # do "
    "nothing.\n"
    "Results go to standard output, errors to standard error; so do events, unless at a terminal.\n"
    "Exit status: 0 all went well, 1 a command failed or there is no monitor, 2 bad usage.\n";

/// False: `error` says what is wrong.
bool parse_arguments(int& argc, char**& argv, std::string& error) {
    const std::unique_ptr<GOptionContext, decltype(&g_option_context_free)> context(
        g_option_context_new("SOCKET [COMMAND...] - talk to a monitor"), g_option_context_free);
    g_option_context_set_description(context.get(), kDescription);
    g_option_context_set_strict_posix(context.get(), true);
    GError* failure = nullptr;
    if (!g_option_context_parse(context.get(), &argc, &argv, &failure)) {
        error = failure->message;
        g_error_free(failure);
        return false;
    }
    if (argc < 2) error = "the path of a socket is needed; see --help";
    return argc >= 2;
}

int complain(const std::string& what, int status) {
    std::fprintf(stderr, "colo-proxy monitor: %s\n", what.c_str());
    return status;
}

}  // namespace

int monitor_command(int argc, char** argv) {
    std::string error;
    if (!parse_arguments(argc, argv, error)) return complain(error, kUsage);
    const std::string path = argv[1];
    const std::vector<std::string> lines(argv + 2, argv + argc);
    try {
        MonitorShell shell(path.starts_with("unix:") ? path.substr(5) : path);
        return lines.empty() ? shell.run_input() : shell.run_all(lines);
    } catch (const MonitorGone& gone) {
        return complain(gone.what(), kFailed);
    }
}

}  // namespace colo
