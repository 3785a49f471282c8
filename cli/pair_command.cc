// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy primary` and `colo-proxy secondary`: the proxy beside one VM of a protected pair.
#include <memory>
#include <utility>

#include "cli/commands.h"
#include "cli/foreground.h"
#include "cli/pair_arguments.h"
#include "cli/start_progress.h"
#include "cli/subcommand.h"
#include "filter/commands.h"
#include "filter/host.h"
#include "filter/netdev_redirected.h"
#include "link/gentle_close.h"
#include "monitor/monitor.h"
#include "pair/commands.h"
#include "pair/protected_vm.h"
#include "qemu/qmp_client.h"

namespace colo {

namespace {

constexpr const char* kPairHelp =
    "Usage: colo-proxy primary   --vm PATH --uplink tap:IFNAME|unix:PATH --link HOST:PORT|unix:PATH --qmp PATH\n"
    "                            --migrate PATH [OPTION...]\n"
    "       colo-proxy secondary --vm PATH --uplink tap:IFNAME|unix:PATH --link HOST:PORT|unix:PATH --qmp PATH\n"
    "                            --incoming PATH [OPTION...]\n"
    "Protects a VM of an unmodified QEMU: `colo-proxy qemu-args` prints the options that it needs.\n\n"
    "  --vm PATH             QEMU's -netdev stream connects here\n"
    "  --uplink WHERE        the network's side of the VM's NIC\n"
    "  --nic vm=PATH,uplink=WHERE   a further NIC; may be repeated\n"
    "  --nic guest-out=PATH,guest-in=PATH,net-out=PATH,net-in=PATH\n"
    "                        a NIC whose QEMU keeps a netdev of its own: the chardevs of its filter-redirectors\n"
    "                        connect here. A primary's QEMU may have a filter-mirror at net-out instead, and no\n"
    "                        guest-in\n"
    "  --link WHERE          the other proxy: the primary listens, the secondary connects\n"
    "  --qmp PATH            QEMU's monitor\n"
    "  --migrate PATH        QEMU migrates to this socket of ours\n"
    "  --incoming PATH       QEMU's -incoming unix:PATH\n"
    "  --tls-creds DIR       certificates as QEMU's tls-creds-x509 has them; a TCP link needs it, or --insecure\n"
    "  --tls-peer NAME       whom the primary's certificate must be for; the link's HOST if not given\n"
    "  --tls-allow DN        a distinguished name the peer may have (* and ? as in a shell); may be repeated\n"
    "  --insecure            a TCP link in the clear\n"
    "  --monitor PATH        a QMP monitor\n"
    "  --text-monitor PATH   the same for people\n"
    "  --metrics WHERE       unix:PATH or tcp:127.0.0.1:PORT: the same figures as OpenMetrics\n"
    "  --start               begin as soon as everybody is there\n"
    "  --failover manual|auto       auto: the fence command is run without being told to\n"
    "  --fence COMMAND       makes sure that the peer's host is off; status 0 means that it is\n"
    "  --on-link-loss hold|solo     of a primary\n"
    "  --disk-external       the VM's disks are shared, or replicated by other means than QEMU's\n"
    "  --set NAME=VALUE      a default of /objects/colo0, times in milliseconds; may be repeated\n"
    "                        (expired_scan_cycle is taken as QEMU's, and changes nothing: no timeout waits for a scan)\n";

std::vector<Option> vm_netdev(const std::string& id, const std::string& path) {
    return {{"type", "stream"}, {"id", id}, {"server", "on"}, {"addr.type", "unix"}, {"addr.path", path}};
}

std::vector<Option> uplink_netdev(const std::string& id, const std::string& uplink) {
    const std::string name = uplink.substr(uplink.find(':') + 1);
    if (uplink.starts_with("tap:"))
        return {{"type", "tap"}, {"id", id}, {"ifname", name}, {"script", "no"}, {"downscript", "no"}};
    return {{"type", "stream"}, {"id", id},         {"server", "off"},
            {"reconnect", "1"}, {"addr.type", "unix"}, {"addr.path", name}};
}

class PairProcess {
  public:
    explicit PairProcess(const PairArguments& arguments)
        : monitor_(foreground_.loop().context(), Version::from_text(COLO_PROXY_VERSION),
                   [this] { foreground_.stop(); }),
          host_(foreground_.loop(), [this](const std::string& event, const Json& data) { monitor_.emit(event, data); }) {
        add_filter_commands(monitor_.commands(), host_);
        add_vm(arguments);
        serve(arguments);
    }

    void run() {
        foreground_.run();
        vm_->part("it was stopped");
        part_gently(foreground_.loop());
    }

  private:
    void add_vm(const PairArguments& arguments) {
        ProtectedVmOptions options;
        options.role = arguments.role;
        options.nics = add_netdevs(arguments);
        options.link = PeerLinkOptions::secured(arguments.link, arguments.security);
        options.make_qmp = QmpClient::maker(arguments.qmp);
        options.migrate_path = absolute_path(arguments.migrate);
        options.incoming_path = arguments.incoming;
        options.starts = arguments.starts;
        options.disk_is_external = arguments.disk_is_external;
        options.survival = arguments.survival;
        options.settings = arguments.settings;
        options.start_progress = [this](const MigrationProgress* progress) {
            if (progress) return start_progress_.show(*progress);
            start_progress_.end();
        };
        auto vm = std::make_unique<ProtectedVm>(host_, std::move(options));
        vm_ = vm.get();
        host_.adopt(std::move(vm));
        add_pair_commands(monitor_.commands(), *vm_);
    }

    std::vector<ProtectedVmOptions::NicNames> add_netdevs(const PairArguments& arguments) {
        std::vector<ProtectedVmOptions::NicNames> all;
        for (const auto& nic : arguments.nics) {
            const std::string number = std::to_string(all.size());
            all.push_back({"vm" + number, "up" + number});
            if (nic.is_redirected()) {
                redirect(all.back().vm, nic.guest_out, nic.guest_in);
                redirect(all.back().uplink, nic.net_out, nic.net_in);
                continue;
            }
            host_.add_netdev(vm_netdev(all.back().vm, nic.vm));
            host_.add_netdev(uplink_netdev(all.back().uplink, nic.uplink));
        }
        return all;
    }

    void redirect(const std::string& id, const std::string& in, const std::string& out) {
        host_.adopt(std::make_unique<NetdevRedirected>(foreground_.loop(), host_.pool(), id, in, out));
    }

    void serve(const PairArguments& arguments) {
        const std::string options = ",server=on,wait=off";
        if (!arguments.monitor.empty()) monitor_.serve_qmp("unix:" + arguments.monitor + options, "--monitor");
        if (!arguments.text_monitor.empty()) monitor_.serve_text("unix:" + arguments.text_monitor + options, "--text-monitor");
        if (!arguments.metrics.empty()) monitor_.serve_metrics(arguments.metrics, "--metrics");
    }

    Foreground foreground_;
    Monitor monitor_;
    StartProgress start_progress_{foreground_.loop()};
    FilterHost host_;
    ProtectedVm* vm_ = nullptr;
};

}  // namespace

int pair_command(int argc, char** argv) {
    return run_subcommand(
        argv[0], kPairHelp, [&] { return parse_pair_arguments(argc, argv); },
        [](const PairArguments& arguments) { PairProcess(arguments).run(); });
}

}  // namespace colo
