// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/monitor_terminal.h"

#include <glib.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
// readline's headers use FILE without including it.
#include <readline/history.h>
#include <readline/readline.h>

namespace colo {

namespace {

constexpr int kHistoryLines = 1000;

/// readline calls back without an argument of ours.
std::optional<MonitorCompletion> g_completion;
std::string g_line;
bool g_at_end = false;
bool g_done = false;

void take_line(char* line) {
    rl_callback_handler_remove();
    g_done = true;
    g_at_end = !line;
    if (!line) return;
    g_line = line;
    if (*line) add_history(line);
    std::free(line);
}

/// The `index`-th completion, for readline to free.
char* generate(const char* word, int index) {
    static std::vector<std::string> found;
    if (index == 0) {
        // The word is what is left of the cursor: before it stands the rest of the line up to it.
        const std::string_view typed(rl_line_buffer, static_cast<size_t>(rl_point));
        found = g_completion->complete(typed.substr(0, typed.size() - std::strlen(word)), word);
    }
    const auto at = static_cast<size_t>(index);
    if (at >= found.size()) return nullptr;
    if (found[at].ends_with('=')) rl_completion_append_character = '\0';
    return strdup(found[at].c_str());
}

char** complete(const char* word, int, int) {
    rl_attempted_completion_over = 1;  // no file names
    return rl_completion_matches(word, generate);
}

}  // namespace

MonitorTerminal::MonitorTerminal(MonitorCompletion completion, std::string history_file)
    : history_file_(std::move(history_file)) {
    g_completion = std::move(completion);
    rl_readline_name = "colo-proxy";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " \t";
    using_history();
    stifle_history(kHistoryLines);
    if (!history_file_.empty()) read_history(history_file_.c_str());
}

MonitorTerminal::~MonitorTerminal() {
    rl_callback_handler_remove();
    if (!history_file_.empty()) write_history(history_file_.c_str());
}

std::optional<std::string> MonitorTerminal::line(const char* prompt,
                                                 const std::function<void()>& wait) {
    g_done = false;
    rl_callback_handler_install(prompt, take_line);
    while (!g_done) {
        wait();
        rl_callback_read_char();
    }
    if (g_at_end) return std::nullopt;
    return g_line;
}

void MonitorTerminal::show(const std::string& text) {
    rl_clear_visible_line();
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    rl_on_new_line();
    rl_redisplay();
}

std::string monitor_history_file() {
    const std::string folder = std::string(g_get_user_state_dir()) + "/colo-proxy";
    if (g_mkdir_with_parents(folder.c_str(), 0700) != 0) return {};
    return folder + "/monitor-history";
}

}  // namespace colo
