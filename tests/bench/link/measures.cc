// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/link/measures.h"

#include <linux/sockios.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "io/system_failure.h"
#include "link/blocking_stream.h"
#include "tests/bench/link/bench_process.h"
#include "tests/bench/link/floors.h"

namespace colo::bench {

namespace {

using Figures = std::vector<double>;

Throughput throughput(uint64_t bytes, double elapsed, double cpu_seconds) {
    const auto size = static_cast<double>(bytes);
    return {size / 1e6 / elapsed, cpu_seconds / (size / 1e9)};
}

// --- relays

/// In front: from the source onto the link.
Figures carry_in(int from, int link) {
    BenchCaller caller(link);
    bool is_over = false;
    LinkStatus ending;
    StreamPump pump(caller.loop(), caller.open(BenchServer::kSink), without_blocking(from), "the source",
                    [&](const LinkStatus& status) {
                        ending = status;
                        is_over = true;
                    });
    caller.loop().run(is_over);
    if (!ending.ok()) throw std::runtime_error(ending.text);
    return {};
}

Figures carry_out(int link, int to) {
    BenchServer(link, nullptr, to).run();
    return {};
}

Figures relay_in_front(Relay relay, int from, int to) {
    if (relay == Relay::kLink) return carry_in(from, to);
    relay == Relay::kCopy ? copy_relay(from, to) : splice_relay(from, to);
    return {};
}

Figures relay_behind(Relay relay, int from, int to) {
    if (relay == Relay::kLink) return carry_out(from, to);
    return relay_in_front(relay, from, to);
}

// --- lines

/// A caller, and a server at the other end of a line, or of loopback. What the caller returns.
Figures on_line(const Line& line, const std::function<Figures(int)>& call) {
    // What a device has in its queue when the system sees to it that it is short: about a millisecond.
    constexpr int kReceiveBuffer = 128 << 10;
    const bool has_line = line.delay_seconds > 0 || line.bytes_a_second > 0;
    SocketPair near = tcp_pair(line.bytes_a_second > 0 ? kReceiveBuffer : 0);
    SocketPair far = has_line ? tcp_pair() : SocketPair{};
    const int server_fd = has_line ? far.b.get() : near.b.get();
    BenchProcess server({server_fd}, [&] {
        BenchServer(server_fd).run();
        return Figures{};
    });
    std::optional<BenchProcess> relay;
    if (has_line) {
        relay.emplace(std::initializer_list<int>{near.b.get(), far.a.get()}, [&] {
            slow_line(near.b.get(), far.a.get(), line.delay_seconds, line.bytes_a_second);
            return Figures{};
        });
    }
    BenchProcess caller({near.a.get()}, [&] { return call(near.a.get()); });
    near = {};
    far = {};
    const Figures figures = caller.wait().figures;
    server.wait();
    if (relay) relay->wait();
    return figures;
}

// --- round trips

/// Sorted.
Figures sample(BenchCaller& caller, size_t count) {
    Figures samples;
    bool is_done = false;
    const std::vector<uint8_t> payload(64);
    Timer timer(caller.loop(), [&] {
        const double begin = now();
        caller.session().call(1, 0, payload, [&, begin](const LinkStatus&, Bytes) {
            samples.push_back(now() - begin);
            is_done = samples.size() >= count;
        });
        timer.set(caller.loop().now() + milliseconds(1));
    });
    timer.set(caller.loop().now());
    caller.loop().run(is_done);
    std::ranges::sort(samples);
    return samples;
}

// --- packets

constexpr size_t kPacketBytes = 1448;
constexpr int kBatch = 32;

double cpu_now() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void send_bare(int fd, const std::vector<uint8_t>& batch) {
    for (size_t sent = 0; sent < batch.size();) {
        const ssize_t size = send(fd, batch.data() + sent, batch.size() - sent, MSG_NOSIGNAL);
        if (size < 0) throw_errno("send");
        sent += static_cast<size_t>(size);
    }
}

/// Until the other end has taken nearly all: neither is measured while a socket is full. The last segments are
/// acknowledged late.
void let_it_drain(int fd) {
    constexpr timespec kMoment{0, 200'000};
    constexpr int kLate = 128 << 10;
    for (int left = kLate + 1; left > kLate;) {
        if (ioctl(fd, SIOCOUTQ, &left) != 0) throw_errno("SIOCOUTQ");
        nanosleep(&kMoment, nullptr);
    }
}

/// Sends a batch in each turn of the loop, as whoever mirrors what a netdev has read at once: some on the link, as many
/// bare, and as many bare without turns.
class PacketTurns final : private FdWatch::Owner {
  public:
    PacketTurns(BenchCaller& caller, int link, int bare, int batches)
        : caller_(caller), link_(link), bare_(bare), batches_(batches), sent_(-batches / 10) {}

    /// CPU time: on the link, bare in turns, bare.
    Figures run() {
        FdWatch::Owner& owner = *this;
        watch_.emplace(caller_.loop(), always_.get(), G_IO_IN, owner);
        caller_.loop().run(is_done_);
        return costs_;
    }

  private:
    static constexpr int kTurns = 16;  ///< less than a socket takes

    void fd_ready(GIOCondition) override {
        if (turns_ == 2 * kTurns) return end_round();
        if (turns_ == kTurns) end_on_link();
        if (turns_ == 0) begin_ = cpu_now();
        if (turns_++ < kTurns) {
            for (int i = 0; i < kBatch; ++i) caller_.session().send_packet({1, 0, 1}, packet_);
        } else {
            send_bare(bare_, batch_);
        }
    }

    /// What was sent is in the socket: each turn ends with that.
    void end_on_link() {
        count(0);
        let_it_drain(link_);
        begin_ = cpu_now();
    }

    void end_round() {
        count(1);
        let_it_drain(bare_);
        begin_ = cpu_now();
        for (int i = 0; i < kTurns; ++i) send_bare(bare_, batch_);
        count(2);
        let_it_drain(bare_);
        turns_ = 0;
        sent_ += kTurns;
        if (sent_ >= batches_) stop();
    }

    /// When it is warm.
    void count(size_t which) {
        if (sent_ >= 0) costs_[which] += cpu_now() - begin_;
    }

    void stop() {
        watch_.reset();
        end_ = after(caller_.loop().context(), 0, [this] { is_done_ = true; });
    }

    BenchCaller& caller_;
    const int link_;
    const int bare_;
    const int batches_;
    const FileDescriptor always_{eventfd(1, 0)};
    const std::vector<uint8_t> packet_ = std::vector<uint8_t>(kPacketBytes, 0x5a);
    const std::vector<uint8_t> batch_ = std::vector<uint8_t>(kPacketBytes * kBatch, 0x5a);
    std::optional<FdWatch> watch_;
    SourcePtr end_;
    Figures costs_ = Figures(3);
    double begin_ = 0;
    int turns_ = 0;
    int sent_;
    bool is_done_ = false;
};

// --- cancel

Figures cancel(int fd, const Credentials& tls, int streams) {
    BenchCaller caller(fd, tls);
    std::vector<std::unique_ptr<Stream>> full;
    const std::vector<uint8_t> block(kBlockBytes);
    for (int i = 0; i < streams; ++i) full.push_back(caller.open(BenchServer::kStuck));
    for (const auto& stream : full) {
        while (stream->bytes_out() < StreamLimits().window || stream->queued() > 0) {
            stream->write(block);
            caller.loop().iterate(stream->queued() > 0);
        }
    }
    const double begin = now();
    for (const auto& stream : full) stream->abort({LinkCode::kCancelled, "enough"});
    while (caller.session().counters().messages_in < full.size()) caller.loop().iterate(true);
    return {now() - begin};
}

}  // namespace

Throughput relayed(Relay relay, uint64_t bytes) {
    SocketPair in = unix_pair();
    SocketPair between = tcp_pair();
    SocketPair out = unix_pair();
    BenchProcess reader({out.b.get()}, [&] { return Figures{sink(out.b.get())}; });
    BenchProcess behind({between.b.get(), out.a.get()},
                        [&] { return relay_behind(relay, between.b.get(), out.a.get()); });
    BenchProcess in_front({in.b.get(), between.a.get()},
                          [&] { return relay_in_front(relay, in.b.get(), between.a.get()); });
    BenchProcess writer({in.a.get()}, [&] {
        source(in.a.get(), bytes);
        return Figures{};
    });
    in = {};
    between = {};
    out = {};
    const double elapsed = reader.wait().figures.at(0);
    writer.wait();
    return throughput(bytes, elapsed, in_front.wait().cpu_seconds + behind.wait().cpu_seconds);
}

Throughput bare_tls(const TlsEnds& tls, uint64_t bytes) {
    SocketPair between = tcp_pair();
    BenchProcess reader({between.b.get()}, [&] {
        tls_sink(between.b.get(), *tls.server);
        return Figures{};
    });
    BenchProcess writer({between.a.get()},
                        [&] { return Figures{tls_source(between.a.get(), *tls.client, bytes)}; });
    between = {};
    const Outcome outcome = writer.wait();
    return throughput(bytes, outcome.figures.at(0), outcome.cpu_seconds + reader.wait().cpu_seconds);
}

Throughput link_tls(const TlsEnds& tls, uint64_t bytes) {
    SocketPair between = tcp_pair();
    BenchProcess reader({between.b.get()}, [&] {
        BenchServer(between.b.get(), tls.server).run();
        return Figures{};
    });
    BenchProcess writer({between.a.get()}, [&] {
        BenchCaller caller(between.a.get(), tls.client);
        const double begin = now();
        StreamWriter(caller.loop(), caller.open(DiscardService::kName), bytes).finish();
        return Figures{now() - begin};
    });
    between = {};
    const Outcome outcome = writer.wait();
    return throughput(bytes, outcome.figures.at(0), outcome.cpu_seconds + reader.wait().cpu_seconds);
}

double fire_and_forget(const Line& line, uint64_t bytes) {
    const Figures elapsed = on_line(line, [&](int fd) {
        BenchCaller caller(fd);
        const std::vector<uint8_t> block(kBlockBytes);
        const double begin = now();
        BlockingStream stream(caller.loop(), caller.open(DiscardService::kName));
        for (uint64_t sent = 0; sent < bytes; sent += block.size()) stream.write(block);
        if (!stream.close().ok()) throw std::runtime_error(stream.status().text);
        return Figures{now() - begin};
    });
    return static_cast<double>(bytes) / elapsed.at(0);
}

double reply_a_chunk(const Line& line, uint64_t bytes) {
    const Figures elapsed = on_line(line, [&](int fd) {
        BenchCaller caller(fd);
        const std::vector<uint8_t> chunk(BenchServer::kAckedBytes);
        const double begin = now();
        BlockingStream stream(caller.loop(), caller.open(BenchServer::kAcks));
        uint8_t reply = 0;
        for (uint64_t sent = 0; sent < bytes; sent += chunk.size()) {
            if (!stream.write(chunk) || stream.read({&reply, 1}) != 1) throw std::runtime_error(stream.status().text);
        }
        return Figures{now() - begin};
    });
    return static_cast<double>(bytes) / elapsed.at(0);
}

RoundTrips round_trips(const Line& line, bool loaded, size_t count) {
    const Figures samples = on_line(line, [&](int fd) {
        BenchCaller caller(fd);
        std::optional<StreamWriter> load;
        if (loaded) load.emplace(caller.loop(), caller.open(DiscardService::kName), UINT64_MAX);
        return sample(caller, count);
    });
    return {samples.at(samples.size() / 2), samples.at(samples.size() * 99 / 100)};
}

PacketCost packet_cost(int batches) {
    SocketPair link = tcp_pair();
    SocketPair bare = tcp_pair();
    BenchProcess server({link.b.get()}, [&] {
        BenchServer(link.b.get()).run();
        return Figures{};
    });
    BenchProcess drain({bare.b.get()}, [&] { return Figures{sink(bare.b.get())}; });
    BenchProcess sender({link.a.get(), bare.a.get()},
                        [&] {
                            BenchCaller caller(link.a.get());
                            return PacketTurns(caller, link.a.get(), bare.a.get(), batches).run();
                        });
    link = {};
    bare = {};
    const Figures costs = sender.wait().figures;
    server.wait();
    drain.wait();
    const double packets = static_cast<double>(batches) * kBatch;
    return {costs.at(0) * 1e9 / packets, costs.at(1) * 1e9 / packets, costs.at(2) * 1e9 / packets};
}

double cancel_while_full(const TlsEnds* tls, int streams) {
    SocketPair between = tcp_pair();
    BenchProcess server({between.b.get()}, [&] {
        BenchServer(between.b.get(), tls ? tls->server : nullptr).run();
        return Figures{};
    });
    BenchProcess caller({between.a.get()},
                        [&] { return cancel(between.a.get(), tls ? tls->client : nullptr, streams); });
    between = {};
    const double elapsed = caller.wait().figures.at(0);
    server.wait();
    return elapsed;
}

}  // namespace colo::bench
