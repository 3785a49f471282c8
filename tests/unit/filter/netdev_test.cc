// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "filter/capture_reader.h"
#include "filter/capture_writer.h"
#include "filter/netdev_factory.h"
#include "netdev_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StreamNetdev : public NetdevTest {
  protected:
    std::unique_ptr<Netdev> server() {
        return make("stream,id=hn0,addr.type=unix,addr.path=" + path() + ",server=on");
    }
    std::string path() const { return folder_.file("vm.sock"); }
};

TEST_F(StreamNetdev, ExchangesFramesWithAVm) {
    const auto netdev = server();
    netdev->set_receiver(&receiver_);
    EXPECT_FALSE(netdev->is_waiting());
    Client vm = Client::at_path(path());
    vm.send(plain("out"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "out"));
    EXPECT_EQ(netdev->send(frame("in")), SendResult::kQueued);
    settle();
    EXPECT_EQ(vm.received(), plain("in"));
    EXPECT_GT(netdev->counters().bytes_in, 0u);
    vm.leave();
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "out", "down"));
    EXPECT_EQ(netdev->send(frame("in")), SendResult::kNotConnected);
}

TEST_F(StreamNetdev, NeverHasAVnetField) {
    const auto netdev = server();
    netdev->set_receiver(&receiver_);
    Client vm = Client::at_path(path());
    settle();
    netdev->send(frame(std::string(10, 'v'), "data"));
    settle();
    EXPECT_EQ(vm.received(), plain("data"));
    EXPECT_EQ(netdev->vnet_header(), 0u);
}

TEST_F(StreamNetdev, KnowsWhatTheVmHasNotReadYet) {
    const auto netdev = server();
    netdev->set_receiver(&receiver_);
    Client vm = Client::at_path(path());
    settle();
    netdev->send(frame("data"));
    settle();
    EXPECT_GT(netdev->unsent(), 0u);
    vm.received();
    EXPECT_EQ(netdev->unsent(), 0u);
}

TEST_F(StreamNetdev, StopsReadingWhenToldAndDrainsAllTheSame) {
    const auto netdev = server();
    netdev->set_receiver(&receiver_);
    netdev->pause_reading(true);
    Client vm = Client::at_path(path());
    vm.send(plain("one"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up"));
    EXPECT_TRUE(netdev->drain());
    EXPECT_THAT(receiver_.log, ElementsAre("up", "one"));
    vm.send(plain("two"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "one"));
    netdev->pause_reading(false);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "one", "two"));
}

TEST_F(StreamNetdev, AClientConnects) {
    const auto to = server();
    const auto from = make("stream,id=c,addr.type=unix,addr.path=" + path() + ",peer=hn0");
    EXPECT_EQ(from->peer(), "hn0");
    EXPECT_STREQ(from->type(), "stream");
    to->set_receiver(&receiver_);
    from->send(frame("hello"));
    until([&] { return receiver_.log.size() == 2; });
    EXPECT_THAT(receiver_.log, ElementsAre("up", "hello"));
}

TEST_F(NetdevTest, ErrorsNameTheNetdevAndTheKey) {
    const std::pair<std::string, std::string> cases[] = {
        {"stream", "netdev: id: is missing"},
        {"user,id=a", "netdev 'a': type: 'user' is none of stream, dgram, tap and pcap"},
        {"stream,id=a", "netdev 'a': addr.type: is missing"},
        {"stream,id=a,addr.type=fd", "netdev 'a': addr.type: 'fd' is neither unix nor inet"},
        {"stream,id=a,addr.type=unix", "netdev 'a': addr.path: is missing"},
        {"stream,id=a,addr.type=inet,addr.host=b", "netdev 'a': addr.port: is missing"},
        {"stream,id=a,addr.type=unix,addr.path=b,wait=on", "netdev 'a': unknown option 'wait'"},
        {"dgram,id=a,local.type=unix,local.path=b,remote.type=inet,remote.host=c,remote.port=1",
         "netdev 'a': remote.type: is another than local.type"},
        {"dgram,id=a,local.type=unix,local.path=/none/b,remote.type=unix,remote.path=c",
         "netdev 'a': unix:/none/b: No such file or directory"},
        {"tap,id=a,ifname=0123456789abcdef",
         "netdev 'a': ifname: '0123456789abcdef' is longer than 15 bytes"},
        {"tap,id=a,vhost=on",
         "netdev 'a': vhost: must be off: the kernel would carry the frames, and none would come by here"},
        {"tap,id=a,vhost=off,queues=2", "netdev 'a': unknown option 'queues'"},
        {"tap,id=a,br=b", "netdev 'a': br: is a helper's, and there is no helper"},
        {"tap,id=a,helper=", "netdev 'a': helper: is empty"},
        {"tap,id=a,helper=/bin/true,br=", "netdev 'a': br: is empty"},
        {"tap,id=a,helper=/bin/true,ifname=b", "netdev 'a': helper: and ifname exclude each other"},
        {"tap,id=a,helper=/bin/true,script=no", "netdev 'a': helper: and script exclude each other"},
        {"tap,id=a,helper=/bin/true,downscript=no", "netdev 'a': helper: and downscript exclude each other"},
        {"tap,id=a,helper=/bin/true,vnet_hdr=off", "netdev 'a': helper: and vnet_hdr exclude each other"},
        {"tap,id=a,vhost=off,helper=/none/b",
         "netdev 'a': helper: '/none/b' for bridge br0: cannot be run: No such file or directory"},
        {"tap,id=a,helper=/bin/false,br=b", "netdev 'a': helper: '/bin/false' for bridge b: exit status 1"},
        {"tap,id=a,helper=/bin/true", "netdev 'a': helper: '/bin/true' for bridge br0: it passed no descriptor"},
        {"pcap,id=a", "netdev 'a': file: is missing, and so is record"},
        {"pcap,id=a,file=/none/b", "netdev 'a': /none/b: No such file or directory"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(error_of(text), expected) << text;
}

class PcapNetdev : public NetdevTest {
  protected:
    void write_capture(const std::vector<std::pair<Time, std::string>>& frames) {
        CaptureWriter writer(in());
        for (const auto& [time, data] : frames) {
            writer.write(to_bytes(data), static_cast<uint32_t>(data.size()), seconds(5) + time);
        }
        writer.finish();
    }
    std::string in() const { return folder_.file("in.pcap"); }
    std::string out() const { return folder_.file("out.pcap"); }
};

TEST_F(PcapNetdev, GivesFramesInTheirOrderAndNotBeforeTheirTime) {
    write_capture({{Time(0), "one"}, {milliseconds(3), "two"}, {milliseconds(2), "three"}});
    const auto netdev = make("pcap,id=p,file=" + in());
    EXPECT_TRUE(netdev->is_connected());
    const Time begin = loop_.now();
    netdev->set_receiver(&receiver_);
    Time second{};
    receiver_.on_frame = [&] {
        if (receiver_.log.size() == 2) second = loop_.now();
    };
    until([&] { return !netdev->is_connected(); });
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "three", "down"));
    EXPECT_GE(second, begin + milliseconds(3));
    EXPECT_EQ(netdev->counters().frames_in, 3u);
}

TEST_F(PcapNetdev, GivesAllAtOnceWithoutPace) {
    write_capture({{Time(0), "one"}, {seconds(100000), "two"}});
    const auto netdev = make("pcap,id=p,pace=off,file=" + in());
    netdev->set_receiver(&receiver_);
    until([&] { return !netdev->is_connected(); });
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "down"));
}

TEST_F(PcapNetdev, GivesNothingWhilePaused) {
    write_capture({{Time(0), "one"}, {Time(0), "two"}});
    const auto netdev = make("pcap,id=p,file=" + in());
    receiver_.on_frame = [&] { netdev->pause_reading(true); };
    netdev->set_receiver(&receiver_);
    until([&] { return !receiver_.log.empty(); });
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
    netdev->pause_reading(false);
    until([&] { return !netdev->is_connected(); });
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "down"));
}

TEST_F(PcapNetdev, MayBeDestroyedByItsReceiver) {
    write_capture({{Time(0), "one"}, {Time(0), "two"}});
    auto netdev = make("pcap,id=p,file=" + in());
    receiver_.on_frame = [&] { netdev.reset(); };
    netdev->set_receiver(&receiver_);
    until([&] { return !netdev; });
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
}

TEST_F(PcapNetdev, SaysWhenTheCaptureIsCut) {
    write_capture({{Time(0), "one"}, {Time(0), "two"}});
    std::filesystem::resize_file(in(), std::filesystem::file_size(in()) - 1);
    const auto netdev = make("pcap,id=p,file=" + in());
    netdev->set_receiver(&receiver_);
    until([&] { return !netdev->is_connected(); });
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one", "down"));
    EXPECT_THAT(receiver_.reason, HasSubstr(in()));
}

TEST_F(PcapNetdev, RecordsWhatIsSent) {
    auto netdev = make("pcap,id=p,record=" + out());
    EXPECT_EQ(netdev->send(frame(std::string(12, 'v'), "one")), SendResult::kQueued);
    EXPECT_EQ(netdev->send(frame("two")), SendResult::kQueued);
    EXPECT_EQ(netdev->counters().frames_out, 2u);
    netdev.reset();
    CaptureReader reader(out());
    const auto first = reader.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(to_text(first->bytes), "one");
    // Since 1970, not since the machine was started.
    EXPECT_GT(first->time, seconds(1'600'000'000));
    const auto second = reader.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(to_text(second->bytes), "two");
    EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace colo
