// SPDX-License-Identifier: GPL-2.0-or-later
// filter-rewriter: lets a secondary VM take part in connections that its primary has begun. Frames to the
// VM get their acks mapped into its numbers, frames from it their seqs into the client's: see
// compare/flow_mapper.h, which learns the offsets from the clients' acks here, as QEMU's filter does.
#include "compare/flow_mapper.h"
#include "filter/filter.h"
#include "filter/host.h"
#include "filter/log.h"
#include "filter/object_type.h"

namespace colo {

namespace {

class FilterRewriter final : public Filter {
  public:
    FilterRewriter(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-rewriter", std::move(id), host, FilterOptions::read(options)),
          vnet_(options.take_bool("vnet_hdr_support", false)),
          max_connections_(static_cast<uint32_t>(
              options.take_uint("max-connections", 1'000'000, 1, 100'000'000))),
          mapper_(max_connections_, Learning::kFromAcks, host.hash(), host.pool()) {}

    void frame(Frame&& frame, Direction direction, Time now) override {
        Frame mapped = direction == Direction::kTx ? mapper_.input(std::move(frame), now)
                                                   : mapper_.output(std::move(frame), now);
        pass_on(std::move(mapped), direction, now);
    }

    void fenced() override { mapper_.fence(); }

    bool failed_over(Time now) override {
        mapper_.failover(now);
        log_info(what(), "the VM goes on alone");
        return true;
    }

    std::vector<Property> properties() override {
        auto all = Filter::properties();
        all.push_back({"vnet_hdr_support", "bool", [this] { return Value(vnet_); }});
        all.push_back({"max-connections", "uint32", [this] { return Value(uint64_t{max_connections_}); }});
        all.push_back({"connections", "uint32", [this] { return Value(uint64_t{mapper_.flows()}); }});
        mapper_.counters().for_each([&](const char* name, const uint64_t& counter) {
            all.push_back({name, "uint64", [&counter] { return Value(counter); }});
        });
        return all;
    }

  private:
    bool vnet_;
    uint32_t max_connections_;
    FlowMapper mapper_;
};

const ObjectType g_type("filter-rewriter",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterRewriter>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
