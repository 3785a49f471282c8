// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes from a client of the monitor, cut anywhere, with answers that come late or never.
// Input: a byte that chooses QMP, text or HTTP, then pieces: a byte of what happens, a length,
// bytes.
#include <memory>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "monitor/builtin_commands.h"
#include "monitor/json_value.h"
#include "monitor/metrics_session.h"
#include "monitor/qmp_session.h"
#include "monitor/text_session.h"

namespace colo::fuzz {
namespace {

class Output final : public SessionOutput {
  public:
    void send(std::string text) override { sent += text; }
    bool full() const override { return is_full; }
    void end() override { ended = true; }
    void settled() override {}

    std::string sent;
    bool is_full = false;
    bool ended = false;
};

class Commands {
  public:
    Commands() {
        add_builtin_commands(registry, version, [] {});
        registry.add({"echo",
                      {{"text"},
                       {"count", ArgumentType::kInteger, false},
                       {"on", ArgumentType::kBoolean, false},
                       {"any", ArgumentType::kAny, false}},
                      "",
                      answer_with([](const Json& arguments) { return Result(arguments); }),
                      "",
                      true});
        registry.add({"later", {}, "", [this](const Json&, Reply reply) {
                          kept.push_back(std::move(reply));
                      }});
        registry.add({"query-colo-proxy", {}, "", [this](const Json&, Reply reply) {
                          kept.push_back(std::move(reply));
                      }});
    }

    Version version{0, 1, 0};
    CommandRegistry registry;
    std::vector<Reply> kept;
};

std::unique_ptr<Session> make_session(uint8_t kind, const Commands& commands, Output& output) {
    if (kind % 3 == 1) {
        return std::make_unique<TextSession>(commands.registry, commands.version, output);
    }
    if (kind % 3 == 2) return std::make_unique<MetricsSession>(commands.registry, output);
    return std::make_unique<QmpSession>(commands.registry, commands.version, output);
}

/// Lines of JSON in ASCII: the greeting, returns and errors.
void check_qmp(const std::string& sent) {
    for (const char byte : sent) FUZZ_CHECK(static_cast<unsigned char>(byte) < 0x80);
    for (size_t at = 0; at < sent.size();) {
        const size_t end = sent.find("\r\n", at);
        FUZZ_CHECK(end != std::string::npos);
        const Json message = Json::parse(sent.substr(at, end - at), nullptr, false);
        FUZZ_CHECK(message.is_object());
        FUZZ_CHECK(
            message.contains("QMP") + message.contains("return") + message.contains("error") == 1);
        at = end + 2;
    }
}

void check_http(const Output& output) {
    const size_t head = output.sent.find("HTTP/1.1 ", 1);
    FUZZ_CHECK(head == std::string::npos);  // one answer
    FUZZ_CHECK(output.ended != output.sent.empty());
}

void step(FuzzInput& input, Session& session, Commands& commands, Output& output) {
    const uint8_t what = input.byte();
    output.is_full = what & 1;
    if (what & 2 && !commands.kept.empty()) {
        const Reply reply = commands.kept.back();
        commands.kept.pop_back();
        if (what & 4) reply(Json{{"epoch", 1}});
    }
    if (!output.is_full) session.resume();
    const Bytes piece = input.bytes(input.byte());
    if (session.idle()) session.feed({reinterpret_cast<const char*>(piece.data()), piece.size()});
}

}  // namespace
}  // namespace colo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace colo;
    using namespace colo::fuzz;
    FuzzInput input(data, size);
    Commands commands;
    Output output;
    const uint8_t kind = input.byte();
    auto session = make_session(kind, commands, output);
    session->start();
    while (!input.empty()) step(input, *session, commands, output);
    output.is_full = false;
    session->finish();
    while (!commands.kept.empty()) commands.kept.pop_back();
    session->resume();
    while (!commands.kept.empty()) commands.kept.pop_back();
    if (kind % 3 == 0) check_qmp(output.sent);
    if (kind % 3 == 2) check_http(output);
    return 0;
}
