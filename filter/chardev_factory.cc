// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/chardev_factory.h"

#include <stdexcept>

#include "filter/option_reader.h"
#include "filter/socket_chardev.h"

namespace colo {

bool is_server(const std::vector<Option>& options) try {
    return OptionReader("chardev", options).take_bool("server", false);
} catch (const std::invalid_argument&) {
    return false;
}

std::unique_ptr<Chardev> make_chardev(EventLoop& loop, FramePool& pool, std::vector<Option> options,
                                      const FindTls& find_tls) {
    OptionReader unnamed("chardev", options);
    const std::string id = unnamed.need("id");
    OptionReader reader("chardev '" + id + "'", std::move(options));
    reader.need("id");
    const std::string backend = reader.need(kChardevImpliedKey);
    if (backend != "socket") {
        reader.fail(kChardevImpliedKey, "'" + backend + "' is unknown; socket is possible");
    }
    SocketOptions socket = take_chardev_socket(reader);
    reader.finish();
    if (!socket.tls_creds.empty()) socket.tls = find_tls(reader.what(), socket);
    return std::make_unique<SocketChardev>(loop, pool, id, socket);
}

}  // namespace colo
