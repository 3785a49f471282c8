// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy run`: chardevs, netdevs and filter objects in a process of their own, with a monitor.
#include <glib-unix.h>
#include <glib.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/run_arguments.h"
#include "filter/chardev_factory.h"
#include "filter/commands.h"
#include "filter/host.h"
#include "filter/netdev_factory.h"
#include "monitor/monitor.h"

namespace colo {

namespace {

constexpr int kSetupError = 1;
constexpr int kUsageError = 2;
constexpr const char* kObjectImpliedKey = "qom-type";

constexpr const char* kHelp =
    "Usage: colo-proxy run OPTION...\n"
    "Hosts netdev filter objects in QEMU's option syntax.\n\n"
    "  -chardev socket,id=ID,path=PATH|host=HOST,port=PORT[,server=on][,wait=off][,reconnect=SECONDS]\n"
    "  -netdev stream|dgram|tap|pcap,id=ID,...[,peer=ID]\n"
    "  -object TYPE,id=ID,...   filter-mirror, filter-redirector, filter-rewriter, filter-dump,\n"
    "                           colo-compare, iothread\n"
    "  -qmp unix:PATH,server=on,wait=off\n"
    "  -monitor unix:PATH,server=on,wait=off|stdio\n"
    "  -metrics unix:PATH|tcp:127.0.0.1:PORT\n";

/// Such objects others name: they are made first, wherever they stand, as in QEMU.
bool is_named_by_others(const std::vector<Option>& object) {
    return std::ranges::any_of(object, [](const Option& option) {
        return option.key == kObjectImpliedKey && option.value == "iothread";
    });
}

/// The process's main loop, which signals and `quit` end.
class Run {
  public:
    explicit Run(const RunArguments& arguments)
        : monitor_(loop_.context(), Version::from_text(COLO_PROXY_VERSION), [this] { stop(); }),
          host_(loop_, [this](const std::string& event, const Json& data) { monitor_.emit(event, data); }) {
        add_object_commands(monitor_.commands(), host_);
        add_chardev_commands(monitor_.commands(), host_);
        add_colo_commands(monitor_.commands(), host_);
        // Signals end a start that waits for a peer, too.
        for (const int number : {SIGINT, SIGTERM}) g_unix_signal_add(number, &Run::on_signal, this);
        set_up(arguments);
    }

    void run() {
        while (!stopped_) loop_.iterate(true);
    }

  private:
    void set_up(const RunArguments& arguments) {
        for (const auto& text : arguments.chardevs)
            host_.add_chardev(parse_options(text, kChardevImpliedKey));
        for (const auto& text : arguments.netdevs)
            host_.add_netdev(parse_options(text, kNetdevImpliedKey));
        host_.wire_netdevs();
        add_objects(arguments.objects);
        for (const auto& text : arguments.qmp) monitor_.serve_qmp(text);
        for (const auto& text : arguments.monitors) monitor_.serve_text(text);
        for (const auto& text : arguments.metrics) monitor_.serve_metrics(text);
        while (!stopped_ && host_.is_waiting()) loop_.iterate(true);
    }

    void add_objects(const std::vector<std::string>& texts) {
        std::vector<std::vector<Option>> objects;
        for (const auto& text : texts) objects.push_back(parse_options(text, kObjectImpliedKey));
        std::stable_partition(objects.begin(), objects.end(), is_named_by_others);
        for (auto& object : objects) host_.add_object(std::move(object));
    }

    void stop() { stopped_ = true; }

    static gboolean on_signal(gpointer self) {
        static_cast<Run*>(self)->stop();
        return G_SOURCE_CONTINUE;
    }

    bool stopped_ = false;
    EventLoop loop_;
    Monitor monitor_;
    FilterHost host_;
};

}  // namespace

int run_command(int argc, char** argv) {
    RunArguments arguments;
    try {
        arguments = parse_run_arguments(argc, argv);
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "colo-proxy run: %s\n", error.what());
        return kUsageError;
    }
    if (arguments.help) {
        std::fputs(kHelp, stdout);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    try {
        Run(arguments).run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "colo-proxy run: %s\n", error.what());
        return kSetupError;
    }
    return 0;
}

}  // namespace colo
