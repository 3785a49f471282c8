// SPDX-License-Identifier: GPL-2.0-or-later
// filter-rewriter: lets a secondary VM take part in connections that its primary has begun. Frames to the
// VM get their acks mapped into its numbers, frames from it their seqs into the client's: see
// compare/flow_mapper.h, which learns the offsets from the clients' acks here, as QEMU's filter does. Beyond
// that one the VM is kept fed as its primary is: see compare/flow_feed.h.
//
// With link= the primary announces them, and the VM is fed as its primary is (compare/secondary_path.h). Its
// frames then leave in its own numbers (less the base): the comparator at the other end knows them. A table
// that is full of live connections asks the primary for a checkpoint.
//
// When the VM goes on alone its addresses are announced, so that the network finds it here; a link, by then
// with a new secondary, is told what remains of the old numbers.
#include <optional>

#include "compare/announcer.h"
#include "compare/flow_feed.h"
#include "compare/flow_mapper.h"
#include "compare/secondary_path.h"
#include "filter/colo_link.h"
#include "filter/filter.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "io/event_loop.h"
#include "io/log.h"

namespace colo {

namespace {

class FilterRewriter final : public Filter,
                             private AnnouncementSink,
                             private BaseObserver,
                             private FlowFeedSink,
                             private SecondaryPath::Outside,
                             private LinkNic::User {
  public:
    FilterRewriter(FilterHost& host, std::string id, OptionReader& options)
        : Filter("filter-rewriter", std::move(id), host, FilterOptions::read(options)),
          link_(LinkName::read(options)),
          vnet_(options.take_bool("vnet_hdr_support", false)),
          max_connections_(static_cast<uint32_t>(
              options.take_uint("max-connections", 1'000'000, 1, 100'000'000))),
          mapper_(max_connections_, link_ ? Learning::kAnnounced : Learning::kFromAcks, host.hash(), host.pool()),
          feed_(max_connections_, host.hash(), host.pool(), *this),
          announcer_(host.pool(), *this, host.hash()),
          timer_(host.loop(), [this] { tick(); }) {}

    void complete() override {
        if (link_) {
            SecondaryPath::Outside& outside = *this;
            path_.emplace(max_connections_, host().hash(), host().pool(), mapper_, announcer_, outside);
            nic_.join(link_.find(host(), what()), *this);
        }
        Filter::complete();
    }

    bool rewrites() const override { return true; }

    void frame(Frame&& frame, Direction direction, Time now) override {
        if (path_) return along_path(std::move(frame), direction, now);
        PacketView view = parse(frame.bytes(), frame.wire_size());
        now_ = now;
        if (direction == Direction::kTx) {
            Frame mapped = mapper_.input(std::move(frame), view, now);
            return feed_.input(std::move(mapped), view);
        }
        if (!is_alone_) announcer_.learn(view);
        feed_.output(view, now);
        pass_on(mapper_.output(std::move(frame), view, now), direction, now);
    }

    void fenced() override {
        if (path_) return;
        mapper_.fence();
        feed_.fence();
    }

    bool failed_over(Time now) override {
        if (path_) path_->end(now);
        path_.reset();
        is_alone_ = true;
        now_ = now;
        feed_.failover();
        mapper_.failover(now);
        announcer_.start(now);
        timer_.set(announcer_.next_deadline());
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
        feed_.counters().for_each([&](const char* name, const uint64_t& counter) {
            all.push_back({name, "uint64", [&counter] { return Value(counter); }});
        });
        all.push_back({"link", "string", [this] { return Value(link_.link); },
                       [this](const Value& value) { set_link(string_of(value)); }});
        all.push_back({"nic", "uint32", [this] { return Value(uint64_t{link_.nic}); }});
        return all;
    }

  private:
    void along_path(Frame&& frame, Direction direction, Time now) {
        if (direction == Direction::kTx) {
            path_->from_peer(std::move(frame), now);
        } else {
            path_->from_vm(std::move(frame), nic_->epoch(), now);
        }
        look_at_room();
        timer_.set(path_->next_deadline());
    }

    /// Once an epoch: the next one empties the table. What is lost is asked for again.
    void look_at_room() {
        const uint64_t no_room = mapper_.counters().no_room;
        if (no_room == no_room_seen_) return;
        no_room_seen_ = no_room;
        if (!has_asked_) has_asked_ = nic_->want_checkpoint("no room for another connection");
    }

    // FlowFeedSink
    void to_vm(Frame frame) override { pass_on(std::move(frame), Direction::kTx, now_); }
    /// What passes while the filter is off the feed does not see.
    void status_changed() override {
        if (is_on() || path_) return;
        now_ = host().loop().now();
        feed_.flush();
        feed_.fence();
    }

    // SecondaryPath::Outside
    void to_vm(Frame&& frame, Time now) override { pass_on(std::move(frame), Direction::kTx, now); }
    void to_peer(const Frame& frame, uint32_t) override {
        pass_on(frame.share(), Direction::kRx, host().loop().now());
    }
    void ask_at_peer(const Frame& frame) override { nic_->ask(frame); }

    // LinkNic::User
    void link_changed(bool up) override {
        has_asked_ = false;
        if (up && is_alone_) tell_all();
    }
    void offsets_told(const OffsetMessage& message, bool is_current, Time now) override {
        if (path_) learn_offsets(mapper_, message, is_current, now);
    }
    /// The VM is, or will be, a copy of the primary: what it has sent and we have not read is of the epoch
    /// that ends.
    void epoch_will_begin() override {
        if (!path_) return;
        path_->flush(host().loop().now());
        host().netdev(what(), "netdev", options().netdev).drain();
        path_->begin_epoch();
        has_asked_ = false;
    }

    /// A survivor's, for its new secondary.
    void tell_all() {
        tell_offsets(mapper_, [this](const OffsetMessage& message) { nic_->tell(message); });
        mapper_.set_observer(this);
    }
    // BaseObserver
    void base_changed(const FlowKey& flow, const Base& base) override {
        if (nic_->is_up()) nic_->tell({flow, base});
    }
    void set_link(const std::string& id) {
        if (!is_alone_) throw std::invalid_argument("can be changed once the VM goes on alone");
        const LinkName link{id, link_.nic};
        nic_.join(link.find(host(), what()), *this);
        link_ = link;
        if (nic_->is_up()) tell_all();
    }

    // AnnouncementSink
    void announce(Frame frame) override {
        pass_on(std::move(frame), Direction::kRx, host().loop().now());
    }
    void tick() {
        const Time now = host().loop().now();
        if (path_) path_->tick(now);
        announcer_.tick(now);
        timer_.set(path_ ? path_->next_deadline() : announcer_.next_deadline());
    }

    LinkName link_;
    bool vnet_;
    uint32_t max_connections_;
    bool is_alone_ = false;  ///< the addresses are known
    Time now_{0};
    FlowMapper mapper_;
    FlowFeed feed_;  ///< without a link, and of a VM that goes on alone
    Announcer announcer_;
    std::optional<SecondaryPath> path_;  ///< with a link, until the VM goes on alone
    Timer timer_;
    uint64_t no_room_seen_ = 0;
    bool has_asked_ = false;  ///< in this epoch, for a checkpoint
    LinkMembership nic_;
};

const ObjectType g_filter_rewriter("filter-rewriter",
                        [](FilterHost& host, std::string id, OptionReader& options) {
                            return std::unique_ptr<Object>(
                                std::make_unique<FilterRewriter>(host, std::move(id), options));
                        });

}  // namespace

}  // namespace colo
