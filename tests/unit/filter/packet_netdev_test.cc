// SPDX-License-Identifier: GPL-2.0-or-later
// Netdevs whose descriptor keeps frames apart: dgram and tap.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "filter/frame_queue.h"
#include "io/socket_address.h"
#include "netdev_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DgramNetdev : public NetdevTest {
  protected:
    std::unique_ptr<Netdev> unix_netdev(const std::string& local, const std::string& remote) {
        return make("dgram,id=" + local + ",local.type=unix,local.path=" + folder_.file(local) +
                    ",remote.type=unix,remote.path=" + folder_.file(remote));
    }

    Receiver other_receiver_;
};

TEST_F(DgramNetdev, ADatagramIsAFrame) {
    const auto a = unix_netdev("a", "b");
    const auto b = unix_netdev("b", "a");
    a->set_receiver(&other_receiver_);
    b->set_receiver(&receiver_);
    for (const char* data : {"one", "two", "three"}) {
        EXPECT_EQ(a->send(frame(data)), SendResult::kQueued);
    }
    b->send(frame("back"));
    until([&] { return receiver_.log.size() == 3 && !other_receiver_.log.empty(); });
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "three"));
    EXPECT_THAT(other_receiver_.log, ElementsAre("back"));
    EXPECT_EQ(a->counters().writes, 1u);
    EXPECT_EQ(a->counters().frames_out, 3u);
}

TEST_F(DgramNetdev, ManyFramesKeepTheirOrderThoughTheReceiverIsSlow) {
    const auto a = unix_netdev("a", "b");
    const auto b = unix_netdev("b", "a");
    Texts expected;
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(std::to_string(i));
        ASSERT_EQ(a->send(frame(expected.back())), SendResult::kQueued);
    }
    settle();
    EXPECT_LT(a->counters().frames_out, 1000u);
    b->set_receiver(&receiver_);
    until([&] { return receiver_.log.size() == 1000; });
    EXPECT_EQ(receiver_.log, expected);
    EXPECT_EQ(a->unsent(), 0u);
}

TEST_F(DgramNetdev, TheReceiverMayComeLaterAndBeReplaced) {
    const auto a = unix_netdev("a", "b");
    a->send(frame("nobody"));
    settle();
    EXPECT_EQ(a->counters().not_connected, 1u);
    for (const char* data : {"first", "second"}) {
        const auto b = unix_netdev("b", "a");
        Receiver receiver;
        b->set_receiver(&receiver);
        a->send(frame(data));
        until([&] { return !receiver.log.empty(); });
        EXPECT_THAT(receiver.log, ElementsAre(data));
    }
}

TEST_F(DgramNetdev, OddLengthsAreDroppedAndCounted) {
    const auto a = unix_netdev("a", "b");
    const FileDescriptor raw(socket(AF_UNIX, SOCK_DGRAM, 0));
    const SocketAddress to = unix_address(folder_.file("a"));
    a->set_receiver(&receiver_);
    for (const size_t size : {size_t{0}, size_t{kMaxFrameBytes + 1}, size_t{kMaxFrameBytes}}) {
        const std::string data(size, 'x');
        ASSERT_EQ(sendto(raw.get(), data.data(), size, 0, to.get(), to.size),
                  static_cast<ssize_t>(size));
        settle();
    }
    EXPECT_EQ(a->counters().bad_lengths, 2u);
    ASSERT_EQ(receiver_.log.size(), 1u);
    EXPECT_EQ(receiver_.log[0].size(), kMaxFrameBytes);
}

TEST_F(DgramNetdev, WhatIsReceivedCanBeSentOnAsOnePiece) {
    const auto a = unix_netdev("a", "b");
    const auto b = unix_netdev("b", "a");
    b->set_receiver(&receiver_);
    receiver_.keep = true;
    a->send(frame("one"));
    a->send(frame("two"));
    until([&] { return receiver_.kept.size() == 2; });
    FrameQueue queue;
    for (Frame& frame : receiver_.kept) queue.push(std::move(frame), Framing::kPlain);
    std::array<iovec, 8> vectors;
    ASSERT_EQ(queue.gather(vectors), 1u);
    EXPECT_EQ(std::string(static_cast<char*>(vectors[0].iov_base), vectors[0].iov_len),
              plain("one") + plain("two"));
}

TEST_F(DgramNetdev, PausesAndDrains) {
    const auto a = unix_netdev("a", "b");
    const auto b = unix_netdev("b", "a");
    b->set_receiver(&receiver_);
    b->pause_reading(true);
    a->send(frame("one"));
    settle();
    EXPECT_THAT(receiver_.log, IsEmpty());
    EXPECT_TRUE(b->drain());
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
}

TEST_F(DgramNetdev, MayBeDestroyedByItsReceiver) {
    const auto a = unix_netdev("a", "b");
    auto b = unix_netdev("b", "a");
    b->set_receiver(&receiver_);
    receiver_.on_frame = [&] { b.reset(); };
    a->send(frame("one"));
    a->send(frame("two"));
    until([&] { return !b; });
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
}

TEST_F(DgramNetdev, AFileLeftBehindIsReplacedAndAnotherIsNot) {
    const std::string path = folder_.file("a");
    {
        const FileDescriptor left(socket(AF_UNIX, SOCK_DGRAM, 0));
        const SocketAddress address = unix_address(path);
        ASSERT_EQ(bind(left.get(), address.get(), address.size), 0);
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    {
        const auto a = unix_netdev("a", "b");
        EXPECT_THROW(unix_netdev("a", "c"), std::runtime_error);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    fclose(fopen(path.c_str(), "w"));
    EXPECT_THROW(unix_netdev("a", "b"), std::runtime_error);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(DgramNetdev, UdpWorksAsWell) {
    // Two ports that are free now.
    const auto free_port = [] {
        const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
        return std::to_string(ntohs(address.sin_port));
    };
    const std::string first = free_port();
    const std::string second = free_port();
    const auto udp = [&](const std::string& local, const std::string& remote) {
        return make("dgram,id=u,local.type=inet,local.host=127.0.0.1,local.port=" + local +
                    ",remote.type=inet,remote.host=127.0.0.1,remote.port=" + remote);
    };
    const auto a = udp(first, second);
    a->set_receiver(&other_receiver_);
    a->send(frame("nobody"));
    settle();
    const auto b = udp(second, first);
    b->set_receiver(&receiver_);
    until([&] {
        if (receiver_.log.empty()) a->send(frame("hello"));
        return !receiver_.log.empty();
    });
    EXPECT_EQ(receiver_.log[0], "hello");
}

/// Needs a tap device and the right to make one.
class TapNetdev : public NetdevTest {
  protected:
    void SetUp() override {
        const FileDescriptor fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
        if (!fd || geteuid() != 0) GTEST_SKIP() << "no tap here";
    }
    std::unique_ptr<Netdev> tap(const std::string& more = "") {
        return make("tap,id=t,script=no,downscript=no" + more);
    }
    static std::string interface_of(const Netdev& netdev) { return netdev.name().substr(4); }
    static void set_up(const std::string& interface) {
        const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM, 0));
        ifreq request{};
        interface.copy(request.ifr_name, IFNAMSIZ - 1);
        ASSERT_EQ(ioctl(fd.get(), SIOCGIFFLAGS, &request), 0);
        request.ifr_flags |= IFF_UP;
        ASSERT_EQ(ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
    }
    /// The interface from its other side.
    static FileDescriptor packet_socket(const std::string& interface) {
        constexpr uint16_t kOurs = 0x88b5;  // for local experiments
        FileDescriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(kOurs)));
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(kOurs);
        address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        return fd;
    }
    static std::string ethernet(const std::string& data) {
        return std::string(6, '\xff') + std::string("\x02\0\0\0\0\1\x88\xb5", 8) + data;
    }
    static std::string receive(const FileDescriptor& fd) {
        char buffer[2000];
        const ssize_t size = recv(fd.get(), buffer, sizeof(buffer), 0);
        return {buffer, size > 0 ? static_cast<size_t>(size) : 0};
    }
    bool has_received(const std::string& text) {
        for (const std::string& entry : receiver_.log) {
            if (entry == text) return true;
        }
        return false;
    }
};

TEST_F(TapNetdev, ExchangesFramesWithTheHost) {
    const auto netdev = tap();
    set_up(interface_of(*netdev));
    const FileDescriptor host = packet_socket(interface_of(*netdev));
    netdev->set_receiver(&receiver_);
    const std::string out = ethernet(std::string(50, 'o'));
    EXPECT_EQ(netdev->send(frame(out)), SendResult::kQueued);
    settle();
    EXPECT_EQ(netdev->counters().frames_out, 1u);
    std::string got;
    until([&] {
        loop_.iterate(false);
        got = receive(host);
        return !got.empty();
    });
    EXPECT_EQ(got, out);
    const std::string in = ethernet(std::string(50, 'i'));
    ASSERT_EQ(::send(host.get(), in.data(), in.size(), 0), static_cast<ssize_t>(in.size()));
    until([&] { return has_received(in); });
}

TEST_F(TapNetdev, CarriesVnetHeadersWhenAsked) {
    const auto netdev = tap(",vnet_hdr=on");
    EXPECT_EQ(netdev->vnet_header(), 10u);
    set_up(interface_of(*netdev));
    const FileDescriptor host = packet_socket(interface_of(*netdev));
    netdev->set_receiver(&receiver_);
    const std::string data = ethernet(std::string(50, 'x'));
    netdev->send(frame(data));
    netdev->send(frame(std::string(12, '\0'), data));
    for (int i = 0; i < 2; ++i) {
        std::string got;
        until([&] {
            loop_.iterate(false);
            got = receive(host);
            return !got.empty();
        });
        EXPECT_EQ(got, data) << i;
    }
    ASSERT_EQ(::send(host.get(), data.data(), data.size(), 0), static_cast<ssize_t>(data.size()));
    until([&] { return has_received(std::string(10, '\0') + data); });
}

TEST_F(TapNetdev, WhatADownInterfaceDoesNotTakeIsCounted) {
    const auto netdev = tap();
    netdev->send(frame(ethernet("x")));
    settle();
    EXPECT_EQ(netdev->counters().write_errors, 1u);
    EXPECT_EQ(netdev->unsent(), 0u);
}

class TapScripts : public TapNetdev {
  protected:
    /// It notes its argument, and whether there is such an interface.
    std::string script(const std::string& name, const std::string& end = "") {
        std::ofstream(folder_.file(name)) << "#!/bin/sh\ntest -e /sys/class/net/$1 && echo " << name << " $1 >>"
                                          << folder_.file("log") << "\n" << end;
        chmod(folder_.file(name).c_str(), 0700);
        return folder_.file(name);
    }
    std::string log() {
        std::ifstream file(folder_.file("log"));
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

TEST_F(TapScripts, RunWhenTheInterfaceIsThereAndBeforeItGoes) {
    auto netdev = make("tap,id=t,vhost=off,script=" + script("up") + ",downscript=" + script("down"));
    const std::string interface = interface_of(*netdev);
    EXPECT_EQ(log(), "up " + interface + "\n");
    netdev.reset();
    EXPECT_EQ(log(), "up " + interface + "\ndown " + interface + "\n");
}

TEST_F(TapScripts, NoIsNoScriptAndThereIsNoneByDefault) {
    for (const char* none : {"", ",script=no,downscript=no", ",script=,downscript="})
        EXPECT_EQ(error_of(std::string("tap,id=t") + none), "no error") << none;
}

TEST_F(TapScripts, AnInterfaceWhoseScriptFailsIsAnErrorAndIsNotUndone) {
    EXPECT_EQ(error_of("tap,id=t,ifname=colotest0,script=" + script("up", "exit 3\n") + ",downscript=" + script("down")),
              "netdev 't': script: '" + folder_.file("up") + "' for colotest0: exit status 3");
    EXPECT_EQ(log(), "up colotest0\n");
    EXPECT_EQ(error_of("tap,id=t,ifname=colotest0,script=/none/up"),
              "netdev 't': script: '/none/up' for colotest0: cannot be run: No such file or directory");
    EXPECT_EQ(if_nametoindex("colotest0"), 0u);
}

TEST_F(TapNetdev, AnInterfaceThatIsInUseIsAnError) {
    const auto netdev = tap(",ifname=colotest%d");
    EXPECT_EQ(error_of("tap,id=u,ifname=" + interface_of(*netdev)),
              "netdev 'u': ifname: '" + interface_of(*netdev) + "': Device or resource busy");
}

}  // namespace
}  // namespace colo
