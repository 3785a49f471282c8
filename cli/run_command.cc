// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy run`: chardevs, netdevs and filter objects in a process of their own, with a monitor.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/foreground.h"
#include "cli/run_arguments.h"
#include "cli/subcommand.h"
#include "filter/chardev_factory.h"
#include "filter/commands.h"
#include "filter/host.h"
#include "filter/netdev_factory.h"
#include "filter/object_type.h"
#include "monitor/json_value.h"
#include "monitor/monitor.h"

namespace colo {

namespace {

constexpr const char* kObjectImpliedKey = "qom-type";

constexpr const char* kRunHelp =
    "Usage: colo-proxy run OPTION...\n"
    "Hosts netdev filter objects in QEMU's option syntax.\n\n"
    "  -chardev socket,id=ID,path=PATH|host=HOST,port=PORT[,server=on][,wait=off][,reconnect=SECONDS]\n"
    "                 [,tls-creds=ID]\n"
    "  -netdev stream|dgram|tap|pcap,id=ID,...[,peer=ID]\n"
    "  -object TYPE,id=ID,...   filter-mirror, filter-redirector, filter-rewriter, filter-dump,\n"
    "                           colo-compare, colo-link, tls-creds-x509, iothread\n"
    "  -qmp unix:PATH,server=on,wait=off\n"
    "  -monitor unix:PATH,server=on,wait=off|stdio\n"
    "  -metrics unix:PATH|tcp:127.0.0.1:PORT\n";

MakeOrder order_of(const std::vector<Option>& object) {
    const auto kind = std::ranges::find(object, kObjectImpliedKey, &Option::key);
    const ObjectType* type = kind == object.end() ? nullptr : ObjectType::find(kind->value);
    return type ? type->order() : MakeOrder::kUsual;
}

class Run {
  public:
    explicit Run(const RunArguments& arguments)
        : monitor_(loop().context(), Version::from_text(COLO_PROXY_VERSION), [this] { foreground_.stop(); }),
          host_(loop(), [this](const std::string& event, const Json& data) { monitor_.emit(event, data); }) {
        add_filter_commands(monitor_.commands(), host_);
        add_run_commands(monitor_.commands(), host_);
        set_up(arguments);
    }

    void run() { foreground_.run(); }

  private:
    void set_up(const RunArguments& arguments) {
        std::vector<std::vector<Option>> objects;
        for (const auto& text : arguments.objects) objects.push_back(parse_options(text, kObjectImpliedKey));
        add_objects(objects, MakeOrder::kBeforeChardevs);
        add_chardevs(arguments.chardevs);
        for (const auto& text : arguments.netdevs)
            host_.add_netdev(parse_options(text, kNetdevImpliedKey));
        host_.wire_netdevs();
        add_objects(objects, MakeOrder::kBeforeOthers);
        add_objects(objects, MakeOrder::kUsual);
        for (const auto& text : arguments.qmp) monitor_.serve_qmp(text);
        for (const auto& text : arguments.monitors) monitor_.serve_text(text);
        for (const auto& text : arguments.metrics) monitor_.serve_metrics(text);
        while (!foreground_.is_stopped() && host_.is_waiting()) loop().iterate(true);
    }

    /// A client may be named before the server that it connects to.
    void add_chardevs(const std::vector<std::string>& texts) {
        std::vector<std::vector<Option>> chardevs;
        for (const auto& text : texts) chardevs.push_back(parse_options(text, kChardevImpliedKey));
        std::stable_partition(chardevs.begin(), chardevs.end(), is_server);
        for (auto& chardev : chardevs) host_.add_chardev(std::move(chardev));
    }

    void add_objects(const std::vector<std::vector<Option>>& objects, MakeOrder order) {
        for (const auto& object : objects) {
            if (order_of(object) == order) host_.add_object(object);
        }
    }

    EventLoop& loop() { return foreground_.loop(); }

    Foreground foreground_;
    Monitor monitor_;
    FilterHost host_;
};

}  // namespace

int run_command(int argc, char** argv) {
    return run_subcommand(
        "run", kRunHelp, [&] { return parse_run_arguments(argc, argv); },
        [](const RunArguments& arguments) { Run(arguments).run(); });
}

}  // namespace colo
