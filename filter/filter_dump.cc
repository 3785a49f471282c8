// SPDX-License-Identifier: GPL-2.0-or-later
// filter-dump: writes what passes to a file, as pcapng.
#include <chrono>

#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "filter/pcapng_writer.h"
#include "io/log.h"

namespace colo {

namespace {

class FilterDump final : public Filter {
  public:
    FilterDump(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-dump", std::move(id), host, FilterOptions::read(options)),
          file_(options.need("file")),
          maxlen_(static_cast<uint32_t>(options.take_uint("maxlen", 65536, 1, kMaxFrameBytes))),
          flush_(host.loop(), [this] { flush(); }) {}

    void complete() override {
        try {
            writer_ = std::make_unique<PcapngWriter>(file_, maxlen_);
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(what() + ": file: " + error.what());
        }
        // Readers of the file know the date; the loop's clock knows none.
        date_of_zero_ = std::chrono::system_clock::now().time_since_epoch() - host().loop().now();
        Filter::complete();
    }

    void frame(Frame&& frame, Direction direction, Time now) override {
        const auto way = direction == Direction::kTx ? PcapngWriter::Way::kInbound
                                                     : PcapngWriter::Way::kOutbound;
        if (writer_ && !writer_->write(frame.bytes(), way, date_of_zero_ + now)) give_up();
        if (flush_.deadline() == kNever) flush_.set(now + kFlushAfter);
        ++written_;
        pass_on(std::move(frame), direction, now);
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"file", "string", [this] { return Value(file_); }});
        all.push_back({"maxlen", "uint32", [this] { return Value(uint64_t{maxlen_}); }});
        all.push_back({"frames", "uint64", [this] { return Value(written_); }});
        return all;
    }

  private:
    static constexpr Time kFlushAfter = milliseconds(200);

    void flush() {
        if (writer_ && !writer_->flush()) give_up();
    }
    /// The disk is full, say: frames pass all the same.
    void give_up() {
        log_error(what(), "'" + file_ + "' cannot be written: nothing more is dumped");
        writer_.reset();
    }

    std::string file_;
    uint32_t maxlen_;
    Timer flush_;
    Time date_of_zero_{0};
    std::unique_ptr<PcapngWriter> writer_;
    uint64_t written_ = 0;
};

const ObjectType g_filter_dump("filter-dump", [](FilterHost& host, std::string id, OptionReader& options) {
    return std::unique_ptr<Object>(std::make_unique<FilterDump>(host, std::move(id), options));
});

}  // namespace

}  // namespace colo
