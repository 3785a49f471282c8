// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/text_session.h"

#include <algorithm>
#include <utility>

#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr size_t kMaxLineBytes = 64 << 10;

}  // namespace

void TextSession::start() {
    output().send("colo-proxy " + version_.text() +
                  " monitor - type 'help' for more information\n");
    prompt();
}

void TextSession::push(std::string_view bytes) {
    input_.erase(0, at_);
    at_ = 0;
    input_.append(bytes);
}

bool TextSession::step() {
    const std::string_view rest = std::string_view(input_).substr(at_);
    const size_t end = rest.find('\n');
    take(rest.substr(0, end));
    at_ = end == std::string_view::npos ? input_.size() : at_ + end + 1;
    if (end != std::string_view::npos) run();
    return end != std::string_view::npos;
}

void TextSession::step_last() {
    if (!line_.empty() || too_long_) run();
}

void TextSession::take(std::string_view piece) {
    line_.append(piece.substr(0, kMaxLineBytes + 1 - std::min(line_.size(), kMaxLineBytes + 1)));
    too_long_ = line_.size() > kMaxLineBytes;
}

void TextSession::run() {
    const std::string line = std::exchange(line_, {});
    const Reply answer = reply([this](const Result& result) {
        output().send(result.ok() ? result.value().get<std::string>()
                                  : "Error: " + result.error().description + "\n");
        prompt();
    });
    if (std::exchange(too_long_, false)) {
        return answer(
            CommandError{"a line has at most " + std::to_string(kMaxLineBytes) + " bytes"});
    }
    interpreter_.run(line, answer);
}

void TextSession::prompt() {
    output().send("(colo-proxy) ");
}

}  // namespace colo
