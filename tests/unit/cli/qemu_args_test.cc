// SPDX-License-Identifier: GPL-2.0-or-later
// contracts.md, `colo-proxy qemu-args`: what is printed. That QEMU takes it is tests/live's.
#include "cli/qemu_args.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace colo {
namespace {

using Words = std::vector<std::string>;

QemuArgs parse_args(Words words) {
    words.insert(words.begin(), "qemu-args");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return parse_qemu_args(static_cast<int>(words.size()), argv.data());
}

Words primary(const Words& more) {
    Words words{"primary", "--vm", "/v", "--uplink", "tap:t", "--link", "unix:/l", "--qmp", "/q", "--migrate=/m"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

Words secondary(const Words& more) {
    Words words{"secondary", "--vm=/v", "--uplink", "tap:t", "--link", "unix:/l", "--qmp", "/q", "--incoming", "/i"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string refusal(const Words& words) {
    try {
        parse_args(words);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "-";
}

TEST(QemuArgs, PrimaryConnectsAndIsWatched) {
    EXPECT_EQ(to_text(parse_args(primary({}))),
              "-qmp unix:/q,server=on,wait=off \\\n"
              "-netdev stream,id=colo-net0,server=off,addr.type=unix,addr.path=/v\n");
}

TEST(QemuArgs, SecondaryWaitsForTheMigrationBesides) {
    EXPECT_EQ(to_text(parse_args(secondary({}))),
              "-qmp unix:/q,server=on,wait=off \\\n"
              "-netdev stream,id=colo-net0,server=off,addr.type=unix,addr.path=/v \\\n"
              "-incoming unix:/i\n");
}

TEST(QemuArgs, EveryNicHasItsNetdevAndWithItsAddressADevice) {
    EXPECT_EQ(to_text(parse_args(primary({"--nic", "vm=/w,uplink=tap:u", "--mac", "52:54:00:00:00:01",
                                     "--mac=52:54:00:00:00:02"}))),
              "-qmp unix:/q,server=on,wait=off \\\n"
              "-netdev stream,id=colo-net0,server=off,addr.type=unix,addr.path=/v \\\n"
              "-device virtio-net-pci,netdev=colo-net0,mac=52:54:00:00:00:01 \\\n"
              "-netdev stream,id=colo-net1,server=off,addr.type=unix,addr.path=/w \\\n"
              "-device virtio-net-pci,netdev=colo-net1,mac=52:54:00:00:00:02\n");
}

TEST(QemuArgs, NetdevOfItsOwnHasFiltersInTheOrderThatNoFrameComesBackIn) {
    EXPECT_EQ(to_text(parse_args({"secondary", "--nic", "guest-out=/go,guest-in=/gi,net-out=/no,net-in=/ni", "--link",
                                  "unix:/l", "--qmp", "/q", "--incoming", "/i", "--mac", "52:54:00:00:00:01"})),
              "-qmp unix:/q,server=on,wait=off \\\n"
              "-chardev socket,id=colo-net0-net-in,path=/ni,reconnect=1 \\\n"
              "-object filter-redirector,id=colo-net0-net-in-filter,netdev=colo-net0,queue=rx,indev=colo-net0-net-in \\\n"
              "-chardev socket,id=colo-net0-guest-out,path=/go,reconnect=1 \\\n"
              "-object "
              "filter-redirector,id=colo-net0-guest-out-filter,netdev=colo-net0,queue=rx,outdev=colo-net0-guest-out \\\n"
              "-chardev socket,id=colo-net0-net-out,path=/no,reconnect=1 \\\n"
              "-object filter-redirector,id=colo-net0-net-out-filter,netdev=colo-net0,queue=tx,outdev=colo-net0-net-out \\\n"
              "-chardev socket,id=colo-net0-guest-in,path=/gi,reconnect=1 \\\n"
              "-object filter-redirector,id=colo-net0-guest-in-filter,netdev=colo-net0,queue=tx,indev=colo-net0-guest-in \\\n"
              "-device virtio-net-pci,netdev=colo-net0,mac=52:54:00:00:00:01 \\\n"
              "-incoming unix:/i\n");
}

TEST(QemuArgs, WithoutAWayToTheGuestQemuMirrors) {
    const std::string text = to_text(parse_args(primary({"--nic", "guest-out=/go,net-out=/no,,1,net-in=/ni"})));
    EXPECT_NE(text.find("-chardev socket,id=colo-net1-net-out,path=/no,,1,reconnect=1 \\\n"
                        "-object filter-mirror,id=colo-net1-net-out-filter,netdev=colo-net1,queue=tx,"
                        "outdev=colo-net1-net-out\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("guest-in"), std::string::npos);
}

TEST(QemuArgs, PathsAreAbsoluteQuotedAndTheirCommasDoubled) {
    const std::string here = std::filesystem::current_path().string();
    EXPECT_EQ(to_text(parse_args({"primary", "--vm", "a,b", "--uplink", "tap:t", "--link", "unix:/l", "--qmp",
                             "it's", "--migrate", "/m"})),
              "-qmp 'unix:" + here + "/it'\\''s,server=on,wait=off' \\\n" +
                  "-netdev stream,id=colo-net0,server=off,addr.type=unix,addr.path=" + here + "/a,,b\n");
}

TEST(QemuArgs, CommentsFollowTheLastOption) {
    for (const auto& args : {primary({"--disk", "/d", "--nbd", "h:1"}), secondary({"--disk", "/d", "--nbd", "h:1"})}) {
        const std::string text = to_text(parse_args(args));
        const size_t first = text.find("\n# ");
        ASSERT_NE(first, std::string::npos);
        EXPECT_NE(text[first - 1], '\\');
        EXPECT_EQ(text.find("\n-", first), std::string::npos);
    }
}

TEST(QemuArgs, DisksAreNumbered) {
    const std::string text =
        to_text(parse_args(primary({"--disk", "/d", "--disk=/e,,f,format=raw", "--nbd", "[fd00::1]:10809"})));
    EXPECT_NE(text.find("id=colo-disk0,driver=quorum,read-pattern=fifo,vote-threshold=1,children.0.driver=qcow2,"
                        "children.0.file.driver=file,children.0.file.filename=/d "),
              std::string::npos);
    EXPECT_NE(text.find("id=colo-disk1"), std::string::npos);
    EXPECT_NE(text.find("children.0.driver=raw,children.0.file.driver=file,children.0.file.filename=/e,,f\n"),
              std::string::npos);
    EXPECT_NE(text.find("\"host\": \"fd00::1\", \"port\": \"10809\""), std::string::npos);
}

struct Refusal {
    const char* name;
    Words words;
    const char* why;
};

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameTheOption) {
    EXPECT_EQ(refusal(GetParam().words), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    All, Refusals,
    testing::Values(Refusal{"NoRole", {}, "primary or secondary is needed"},
                    Refusal{"OtherRole", {"tertiary"}, "primary or secondary is needed"},
                    Refusal{"TheirOwn", {"primary", "--vm", "/v"}, "--uplink is missing"},
                    Refusal{"NicOfAnotherKind", primary({"--nic", "tap=t"}),
                            "--nic: 'tap': vm=PATH,uplink=..., or guest-out=PATH,guest-in=PATH,net-out=PATH,"
                            "net-in=PATH is needed"},
                    Refusal{"NicOfBothKinds", primary({"--nic", "vm=/v,guest-out=/o"}),
                            "--nic: 'vm=/v,guest-out=/o': vm= excludes guest-out=, guest-in=, net-out= and net-in="},
                    Refusal{"NicWithoutWayOut", primary({"--nic", "guest-in=/i,net-out=/o,net-in=/n"}),
                            "--nic: 'guest-in=/i,net-out=/o,net-in=/n': guest-out= is missing"},
                    Refusal{"NicWithoutWayToTheNet", primary({"--nic", "guest-out=/g,net-out=/o"}),
                            "--nic: 'guest-out=/g,net-out=/o': net-in= is missing"},
                    Refusal{"NicWithoutWayFromTheNet", primary({"--nic", "guest-out=/g,net-in=/i"}),
                            "--nic: 'guest-out=/g,net-in=/i': net-out= is missing"},
                    Refusal{"MirrorOfASecondary", secondary({"--nic", "guest-out=/g,net-out=/o,net-in=/i"}),
                            "--nic: 'guest-out=/g,net-out=/o,net-in=/i': guest-in= is missing"},
                    Refusal{"NicWithOnePathTwice", primary({"--nic", "guest-out=/g,net-out=/o,net-in=/g"}),
                            "--nic: 'guest-out=/g,net-out=/o,net-in=/g': net-in= and guest-out= are the same"},
                    Refusal{"Unknown", primary({"--dsk", "/d"}), "'--dsk': invalid option"},
                    Refusal{"DiskAlone", primary({"--disk", "/d"}),
                            "--disk needs --nbd HOST:PORT, of the secondary's host"},
                    Refusal{"NbdAlone", primary({"--nbd", "h:1"}), "--nbd needs --disk"},
                    Refusal{"NbdWithoutPort", primary({"--disk=/d", "--nbd=h"}),
                            "--nbd: 'h': HOST:PORT is needed"},
                    Refusal{"DiskWithoutFile", primary({"--disk", "format=raw", "--nbd=h:1"}),
                            "--disk: the file is missing"},
                    Refusal{"DiskWithMore", primary({"--disk", "/d,cache=none", "--nbd=h:1"}),
                            "--disk: 'cache': FILE[,format=FORMAT] is needed"},
                    Refusal{"MacForNone", primary({"--mac=1", "--mac=2"}), "--mac: one for each NIC is needed"},
                    Refusal{"MacWithoutColons", primary({"--mac=525400123456"}),
                            "--mac: '525400123456': six hex octets with colons are needed"},
                    Refusal{"MacWithDashes", primary({"--mac=52-54-00-12-34-56"}),
                            "--mac: '52-54-00-12-34-56': six hex octets with colons are needed"},
                    Refusal{"MacOfFive", primary({"--mac=52:54:00:12:34"}),
                            "--mac: '52:54:00:12:34': six hex octets with colons are needed"},
                    Refusal{"MacNotHex", primary({"--mac=52:54:00:12:34:5g"}),
                            "--mac: '52:54:00:12:34:5g': six hex octets with colons are needed"},
                    Refusal{"MacWithMore", primary({"--mac=52:54:00:12:34:56,a=b"}),
                            "--mac: '52:54:00:12:34:56,a=b': six hex octets with colons are needed"},
                    Refusal{"MacOfMany", primary({"--mac=53:54:00:12:34:56"}),
                            "--mac: '53:54:00:12:34:56' is a multicast address"},
                    Refusal{"ExternalDisk", primary({"--disk=/d", "--nbd=h:1", "--disk-external"}),
                            "--disk: not with --disk-external: such disks are not QEMU's to replicate"},
                    Refusal{"NicWithoutUplink", primary({"--nic", "vm=/w"}), "--nic: 'vm=/w': uplink= is missing"},
                    Refusal{"NicWithoutVm", primary({"--nic", "uplink=tap:u"}),
                            "--nic: 'uplink=tap:u': vm= is missing"},
                    Refusal{"NicWithOddUplink", primary({"--nic", "vm=/w,uplink=u"}),
                            "--nic: 'vm=/w,uplink=u': uplink=: 'u': tap:IFNAME or unix:PATH is needed"},
                    Refusal{"OddUplink", {"primary", "--vm=/v", "--uplink=u"},
                            "--uplink: 'u': tap:IFNAME or unix:PATH is needed"},
                    Refusal{"NoValue", primary({"--mac"}), "--mac: requires an argument"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace colo
