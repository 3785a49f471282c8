// SPDX-License-Identifier: GPL-2.0-or-later
// Where QEMU comes in: `-plugin colo-proxy.so[,check=on]`. It registers types, and is no plugin otherwise: nothing
// of TCG's is used, so that it works with KVM, too.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "filter/qemu/filter_class.h"
#include "filter/qemu/proxy_device.h"
#include "filter/qemu/qemu_end.h"
#include "filter/qemu/qemu_filter.h"
#include "filter/qemu/qemu_imports.h"

#define COLO_EXPORTED __attribute__((visibility("default")))

extern "C" {
/// Must lie in the loader's window, which it looks at after our constructor: up to 8.x 0 to 1, from 9.0 on from 2,
/// from 11.0 on from 7.
COLO_EXPORTED int qemu_plugin_version = 1;
COLO_EXPORTED int qemu_plugin_install(uint64_t id, const void* info, int count, char** arguments);
}

namespace colo {

namespace {

__attribute__((constructor)) void choose_version() {
    if (bql_lock_impl) qemu_plugin_version = 2;
    if (qemu_plugin_set_pc) qemu_plugin_version = 7;
}

/// Why this QEMU cannot have us; empty: it can.
std::string find_problem() {
    if (std::string missing = describe_missing(missing_imports()); !missing.empty()) return missing;
    if (!functions_place())
        return "the class of netdev filters of this QEMU has a layout that is not known (NetFilterClass does not end "
               "in setup, cleanup, status_changed, handle_event and receive_iov)";
    return {};
}

[[noreturn]] void report(const std::string& problem) {
    if (problem.empty()) {
        std::printf("colo-proxy %s: this QEMU can load it\n", COLO_PROXY_VERSION);
        std::exit(EXIT_SUCCESS);
    }
    std::fprintf(stderr, "colo-proxy %s: this QEMU cannot load it: %s\n", COLO_PROXY_VERSION, problem.c_str());
    std::exit(EXIT_FAILURE);
}

int refuse(const std::string& problem) {
    std::fprintf(stderr, "colo-proxy: %s\n", problem.c_str());
    return 1;
}

int install(int count, char** arguments) {
    bool is_check = false;
    for (int i = 0; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (argument != "check=on" && argument != "check=off")
            return refuse("'" + std::string(argument) + "': only check=on|off is known; filters are made by -device colo-proxy");
        is_check = argument == "check=on";
    }
    const std::string problem = find_problem();
    if (is_check) report(problem);
    if (!problem.empty()) return refuse(problem);
    watch_for_end_of_qemu();
    register_filter_types();
    register_proxy_device();
    return 0;
}

}  // namespace

}  // namespace colo

int qemu_plugin_install(uint64_t, const void*, int count, char** arguments) {
    return colo::install(count, arguments);
}
