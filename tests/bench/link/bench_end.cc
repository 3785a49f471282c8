// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/link/bench_end.h"

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/bench/link/floors.h"

namespace colo::bench {

namespace {

const std::vector<uint8_t>& block() {
    static const std::vector<uint8_t> bytes(kBlockBytes, 0x5a);
    return bytes;
}

}  // namespace

FileDescriptor without_blocking(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return FileDescriptor(fd);
}

BenchEnd::BenchEnd(int fd, bool connected, const Credentials& tls) {
    LinkEndpoint endpoint;
    endpoint.address.kind = ListenAddress::Kind::kTcp;
    endpoint.tls = tls;
    endpoint.config.name = connected ? "caller" : "server";
    endpoint.config.connected = connected;
    LinkUser& user = *this;
    link_ = std::make_unique<LinkConnection>(loop_, pool_, without_blocking(fd), "the other end", endpoint, user);
}

void BenchEnd::link_over(const LinkStatus& status) {
    is_over_ = true;
    ending_ = status;
}

// --- the caller

BenchCaller::BenchCaller(int fd, const Credentials& tls) : BenchEnd(fd, true, tls) {
    while (!is_up_ && !is_over_) loop().iterate(true);
    if (is_over_) throw std::runtime_error(ending_.text);
}

BenchCaller::~BenchCaller() { session().close({LinkCode::kGoodbye, "measured"}); }

std::unique_ptr<Stream> BenchCaller::open(const char* service) {
    std::unique_ptr<Stream> stream = session().open(service);
    if (!stream) throw std::runtime_error(std::string("no stream to ") + service);
    return stream;
}

// --- the server

/// One reply a chunk, as libvirt's streams began.
class BenchServer::Acks final : public StreamService {
  public:
    Acks(std::unique_ptr<Stream> stream, Done done) : StreamService(std::move(stream), std::move(done)) {}

  private:
    void stream_readable(Stream& stream) override {
        came_ += stream.peek().size();
        stream.consume(stream.peek().size());
        for (; came_ >= kAckedBytes; came_ -= kAckedBytes) stream.write(Bytes(block()).first(1));
        if (stream.at_end()) stream.finish();
    }
    void stream_writable(Stream&) override {}

    size_t came_ = 0;
};

class BenchServer::Stuck final : public StreamService {
  public:
    using StreamService::stream;
    Stuck(std::unique_ptr<Stream> stream, Done done) : StreamService(std::move(stream), std::move(done)) {}

  private:
    void stream_readable(Stream&) override {}
    void stream_writable(Stream&) override {}
};

BenchServer::BenchServer(int fd, const Credentials& tls, int sink)
    : BenchEnd(fd, false, tls), sink_(sink < 0 ? FileDescriptor() : without_blocking(sink)) {}

void BenchServer::run() { loop().run(is_over_); }

bool BenchServer::control_call(const ControlHeader& header, Bytes) {
    session().reply(header.serial, {});
    return true;
}

StreamService::Done BenchServer::done() {
    return [](const LinkStatus&) {};
}

void BenchServer::stream_offered(std::unique_ptr<Stream> stream) {
    const std::string service = stream->service();
    if (service == kSink) {
        pump_ = std::make_unique<StreamPump>(loop(), std::move(stream), std::move(sink_), "the sink", done());
    } else if (service == kAcks) {
        services_.push_back(std::make_unique<Acks>(std::move(stream), done()));
    } else if (service == kStuck) {
        services_.push_back(std::make_unique<Stuck>(
            std::move(stream), [this](const LinkStatus&) { session().message(0, 0, {}); }));
    } else {
        services_.push_back(std::make_unique<DiscardService>(std::move(stream), done()));
    }
}

// --- a writer

StreamWriter::StreamWriter(EventLoop& loop, std::unique_ptr<Stream> stream, uint64_t total)
    : loop_(loop), stream_(std::move(stream)), left_(total) {
    stream_->set_user(this);
    write();
}

void StreamWriter::write() {
    while (left_ > 0) {
        const size_t written = stream_->write(Bytes(block()).first(std::min<uint64_t>(left_, kBlockBytes)));
        left_ -= written;
        if (written == 0) return;
    }
    stream_->finish();
}

void StreamWriter::finish() {
    loop_.run(is_over_);
    if (!stream_->status().ok()) throw std::runtime_error(stream_->status().text);
}

}  // namespace colo::bench
