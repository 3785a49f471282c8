// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/bridge_helper.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "io/child_process.h"
#include "io/system_failure.h"

namespace colo {

namespace {

/// What has been passed by now; empty: nothing has.
FileDescriptor receive_descriptor(int socket) {
    char byte;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) return {};
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int)))
        return {};
    int fd;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return FileDescriptor(fd);
}

}  // namespace

FileDescriptor run_bridge_helper(const std::string& path, const std::string& bridge, Time deadline) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("'" + path + "'");
    const FileDescriptor ours(ends[0]);
    const FileDescriptor theirs(ends[1]);
    const std::string problem =
        run_to_end({path, "--use-vnet", "--fd=" + std::to_string(ChildProcess::kInherited), "--br=" + bridge},
                   deadline, theirs.get());
    const auto fail = [&](const std::string& why) {
        throw std::runtime_error("'" + path + "' for bridge " + bridge + ": " + why);
    };
    if (!problem.empty()) fail(problem);
    FileDescriptor tap = receive_descriptor(ours.get());
    if (!tap) fail("it passed no descriptor");
    fcntl(tap.get(), F_SETFL, O_NONBLOCK);
    return tap;
}

}  // namespace colo
