// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_factory.h"

#include "filter/netdev_dgram.h"
#include "filter/netdev_pcap.h"
#include "filter/netdev_stream.h"
#include "filter/netdev_tap.h"
#include "filter/option_reader.h"
#include "filter/socket_options.h"

namespace colo {

namespace {

struct Request {
    EventLoop& loop;
    FramePool& pool;
    OptionReader& reader;
    const std::string& id;
    const std::string& peer;
};

/// All options have been taken before anything is opened.
template <typename Device, typename Options>
std::unique_ptr<Netdev> make(const Request& request, Options (*take)(OptionReader&)) {
    const Options options = take(request.reader);
    request.reader.finish();
    return std::make_unique<Device>(request.loop, request.pool, request.id, request.peer, options);
}

}  // namespace

std::unique_ptr<Netdev> make_netdev(EventLoop& loop, FramePool& pool, std::vector<Option> options) {
    OptionReader unnamed("netdev", options);
    const std::string id = unnamed.need("id");
    OptionReader reader("netdev '" + id + "'", std::move(options));
    reader.need("id");
    const std::string type = reader.need(kNetdevImpliedKey);
    const std::string peer = reader.take("peer", "");
    const Request request{loop, pool, reader, id, peer};
    if (type == "stream") return make<NetdevStream>(request, take_netdev_socket);
    if (type == "dgram") return make<NetdevDgram>(request, take_dgram);
    if (type == "tap") return make<NetdevTap>(request, take_tap);
    if (type == "pcap") return make<NetdevPcap>(request, take_pcap);
    reader.fail(kNetdevImpliedKey, "'" + type + "' is none of stream, dgram, tap and pcap");
}

}  // namespace colo
