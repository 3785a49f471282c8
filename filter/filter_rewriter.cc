// SPDX-License-Identifier: GPL-2.0-or-later
// filter-rewriter: lets a secondary VM take part in connections that its primary has begun. Frames to the
// VM get their acks mapped into its numbers, frames from it their seqs into the client's: see
// compare/flow_mapper.h, which learns the offsets from the clients' acks here, as QEMU's filter does. Beyond
// that one the VM is kept fed as its primary is: see compare/flow_feed.h.
//
// With link= the primary announces them, and answers the VM's questions for neighbours. The VM's frames then leave
// in its own numbers (less the base): the comparator at the other end knows them. A table that is full of live
// connections asks the primary for a checkpoint. Both ways: compare/secondary_path.h.
//
// When the VM goes on alone its addresses are announced, so that the network finds it here, and what it said last
// is said again; a link, by then with a new secondary, is told what remains of the old numbers.
#include <algorithm>
#include <utility>
#include <vector>

#include "compare/announcer.h"
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
          announcer_(host.pool(), *this, host.hash()),
          path_(max_connections_, link_ ? Comparer::kLinked : Comparer::kUnlinked, host.hash(), host.pool(), mapper_,
                announcer_, *this),
          timer_(host.loop(), [this] { tick(); }) {}

    void complete() override {
        if (link_) nic_.join(link_.find(host(), what()), *this);
        Filter::complete();
    }

    bool rewrites() const override { return true; }

    void frame(Frame&& frame, Direction direction, Time now) override {
        if (direction == Direction::kTx) {
            path_.from_peer(std::move(frame), now);
        } else {
            path_.from_vm(std::move(frame), nic_ ? nic_->epoch() : 0, now);
        }
        if (!nic_ || is_alone_) return;
        look_at_room();
        set_timer();
    }

    void fenced() override {
        if (!nic_) path_.begin_epoch();
    }

    bool failed_over(Time now) override {
        is_alone_ = true;
        unheard_ = path_.end(now);
        mapper_.failover(now);
        announcer_.start(now);
        set_timer();
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
        path_.feed().counters().for_each([&](const char* name, const uint64_t& counter) {
            all.push_back({name, "uint64", [&counter] { return Value(counter); }});
        });
        all.push_back({"link", "string", [this] { return Value(link_.link); },
                       [this](const Value& value) { set_link(string_of(value)); }});
        all.push_back({"nic", "uint32", [this] { return Value(uint64_t{link_.nic}); }});
        return all;
    }

  private:
    /// Once an epoch: the next one empties the table. What is lost is asked for again.
    void look_at_room() {
        const uint64_t no_room = mapper_.counters().no_room;
        if (no_room == no_room_seen_) return;
        no_room_seen_ = no_room;
        if (!has_asked_) has_asked_ = nic_->want_checkpoint("no room for another connection");
    }

    void status_changed() override {
        if (!is_on()) path_.look_away(host().loop().now());
    }

    // SecondaryPath::Outside
    void to_vm(Frame&& frame, Time now) override { pass_on(std::move(frame), Direction::kTx, now); }
    void from_vm(Frame&& frame, uint32_t, Time now) override { pass_on(std::move(frame), Direction::kRx, now); }
    void ask_at_peer(const Frame& frame) override { nic_->ask(frame); }

    // LinkNic::User
    void link_changed(bool up) override {
        has_asked_ = false;
        if (up && is_alone_) tell_all();
    }
    void offsets_told(const OffsetMessage& message, bool is_current, Time now) override {
        if (!is_alone_) learn_offsets(mapper_, message, is_current, now);
    }
    /// The VM is, or will be, a copy of the primary: what it has sent and we have not read is of the epoch
    /// that ends.
    void epoch_will_begin() override {
        if (is_alone_) return;
        path_.flush(host().loop().now());
        host().netdev(what(), "netdev", options().netdev).drain();
        path_.begin_epoch();
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
        path_.tick(now);
        announcer_.tick(now);
        for (Frame& frame : std::exchange(unheard_, {})) path_.from_vm(std::move(frame), 0, now);
        set_timer();
    }
    void set_timer() {
        const Time due = std::min(path_.next_deadline(), announcer_.next_deadline());
        timer_.set(unheard_.empty() ? due : host().loop().now());
    }

    LinkName link_;
    bool vnet_;
    uint32_t max_connections_;
    bool is_alone_ = false;  ///< the addresses are known
    FlowMapper mapper_;
    Announcer announcer_;
    SecondaryPath path_;
    std::vector<Frame> unheard_;  ///< to be said when all filters know that the VM goes on alone
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
