// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/commands.h"

#include "link/link_endpoint.h"
#include "monitor/json_value.h"
#include "pair/protected_vm.h"

namespace colo {

namespace {

ProtectedVm::Answer answer_to(const Reply& reply) {
    return [reply](const std::optional<std::string>& error) {
        if (error) {
            reply(CommandError{*error});
        } else {
            reply(Json::object());
        }
    };
}

void add(CommandRegistry& registry, const char* name, const char* help,
         std::function<void(ProtectedVm::Answer)> act) {
    registry.add({.name = name,
                  .arguments = {},
                  .help = help,
                  .run = [act = std::move(act)](const Json&, const Reply& reply) { act(answer_to(reply)); }});
}

}  // namespace

void add_pair_commands(CommandRegistry& registry, ProtectedVm& vm) {
    add(registry, "colo-proxy-start", "protect the VM",
        [&vm](ProtectedVm::Answer answer) { vm.start(std::move(answer)); });
    add(registry, "colo-proxy-stop", "end the protection; the primary's VM runs on",
        [&vm](ProtectedVm::Answer answer) { vm.stop(std::move(answer)); });
    registry.add({.name = "colo-proxy-reprotect",
                  .arguments = {{"link", ArgumentType::kString, false}},
                  .help = "protect the survivor of a failover by a new secondary, which connects to 'link'",
                  .run = [&vm](const Json& arguments, const Reply& reply) {
                      std::optional<ListenAddress> link;
                      if (arguments.contains("link")) link = parse_link_address(arguments["link"].get<std::string>());
                      vm.reprotect(link, answer_to(reply));
                  }});
    registry.add({.name = "colo-proxy-failover",
                  .arguments = {{"force", ArgumentType::kBoolean, false}},
                  .help = "the VM of this side goes on alone",
                  .run = [&vm](const Json& arguments, const Reply& reply) {
                      vm.fail_over(arguments.value("force", false), answer_to(reply));
                  }});
}

void remove_pair_commands(CommandRegistry& registry) {
    for (const char* name : {"colo-proxy-start", "colo-proxy-stop", "colo-proxy-reprotect", "colo-proxy-failover"})
        registry.remove(name);
}

}  // namespace colo
