// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/colo_compare.h"

#include <cinttypes>
#include <cstdio>
#include <stdexcept>

#include "filter/flow_json.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "io/log.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

// Xen's words on notify_dev (qemu.md).
constexpr std::string_view kInit = "COLO_USERSPACE_PROXY_INIT";
constexpr std::string_view kInitAnswer = "COLO_COMPARE_GET_XEN_INIT";
constexpr std::string_view kMade = "COLO_CHECKPOINT";
constexpr std::string_view kWanted = "DO_CHECKPOINT";

constexpr uint64_t kMostMs = UINT32_MAX;
constexpr uint64_t kMostConnections = 100'000'000;

uint64_t ms_of(Time time) { return static_cast<uint64_t>(time / milliseconds(1)); }

/// A policy that is one of two words, in the order of its enumerators.
struct Policy {
    const char* key;
    const char* words[2];

    template <typename Enum>
    Enum parse(const std::string& text) const {
        for (size_t i = 0; i < 2; ++i) {
            if (text == words[i]) return static_cast<Enum>(i);
        }
        throw std::invalid_argument("'" + clipped(text) + "' is neither " + words[0] + " nor " + words[1]);
    }
    template <typename Enum>
    Enum read(OptionReader& options) const {
        try {
            return parse<Enum>(options.take(key, words[0]));
        } catch (const std::invalid_argument& error) {
            options.fail(key, error.what());
        }
    }
};

constexpr Policy kOnDivergence{"on-divergence", {"hold", "release"}};
constexpr Policy kIcmpErrors{"icmp-errors", {"compare", "pass"}};
constexpr Policy kArp{"arp", {"pass", "compare"}};
static_assert(static_cast<int>(OnDivergence::kRelease) == 1 && static_cast<int>(IcmpErrorPolicy::kPass) == 1 &&
              static_cast<int>(ArpPolicy::kCompare) == 1);

ComparatorConfig read_config(OptionReader& options) {
    ComparatorConfig config;
    config.compare_timeout =
        milliseconds(options.take_uint("compare_timeout", ms_of(config.compare_timeout), 1, kMostMs));
    config.max_queue_frames = static_cast<uint32_t>(
        options.take_uint("max_queue_size", config.max_queue_frames, 1, UINT32_MAX));
    config.max_queue_bytes = options.take_uint("max-queue-bytes", config.max_queue_bytes, 1, UINT64_MAX);
    config.max_connections = static_cast<uint32_t>(
        options.take_uint("max-connections", config.max_connections, 1, kMostConnections));
    config.on_divergence = kOnDivergence.read<OnDivergence>(options);
    config.icmp_errors = kIcmpErrors.read<IcmpErrorPolicy>(options);
    config.arp = kArp.read<ArpPolicy>(options);
    config.when_full = WhenFull::kDrop;
    return config;
}

/// Xen's toolstack makes periodic checkpoints itself; and a stream loses no request, so none is repeated.
PolicyConfig policy_config() {
    PolicyConfig config;
    config.max_interval = kNever;
    config.reply_deadline = kNever;
    return config;
}

}  // namespace

ColoCompare::ColoCompare(FilterHost& host, std::string id, OptionReader& options)
    : Object("colo-compare", std::move(id)),
      host_(host),
      link_(LinkName::read(options)),
      primary_in_(options.need("primary_in")),
      secondary_in_(link_.or_chardev(options, "secondary_in")),
      outdev_(options.need("outdev")),
      notify_dev_(options.take("notify_dev", "")),
      iothread_(options.take("iothread", "")),
      vnet_(options.take_bool("vnet_hdr_support", false)),
      config_(read_config(options)),
      expired_scan_cycle_(options.take_uint("expired_scan_cycle", 1000, 1, kMostMs)),
      primary_([this](Frame&& frame, Time now) {
          comparator_->primary(std::move(frame), now);
          touched();
      }),
      secondary_([this](Frame&& frame, Time now) {
          comparator_->secondary(std::move(frame), comparator_->epoch(), now);
          touched();
      }),
      notify_([this](Frame&& frame, Time now) { notified(std::move(frame), now); },
              [this](bool up) {
                  // What the last peer was asked for, and did not do, it has taken with it.
                  unsent_order_ = ordered_.has_value();
                  if (up) touched();
              }),
      timer_(host.loop(), [this] { tick(); }) {
    config_.secondary_numbers = link_ ? SecondaryNumbers::kNative : SecondaryNumbers::kMapped;
    if (primary_in_ == secondary_in_) options.fail("secondary_in", "is the same as primary_in");
    if (primary_in_ == outdev_ || secondary_in_ == outdev_)
        options.fail("outdev", "is the same as primary_in or secondary_in");
}

ColoCompare::~ColoCompare() = default;

void ColoCompare::complete() {
    const Object* iothread = iothread_.empty() ? nullptr : host_.object(iothread_);
    if (!iothread_.empty() && (!iothread || std::string_view(iothread->type()) != "iothread"))
        throw std::invalid_argument(what() + ": iothread: no iothread '" + iothread_ + "'");
    ComparatorSink& sink = *this;
    comparator_ = std::make_unique<Comparator>(config_, host_.hash(), host_.pool(), sink);
    policy_ = std::make_unique<CheckpointPolicy>(policy_config(), now());
    take_over_rules();
    out_.open(host_, *this, "outdev", outdev_, vnet_);
    // Messages come with the vnet header's length when there is one, and leave without (qemu.md).
    if (!notify_dev_.empty()) notify_.open(host_, *this, "notify_dev", notify_dev_, vnet_, false);
    open_secondary();
    primary_.open(host_, *this, "primary_in", primary_in_, vnet_);
    if (!notify_.is_open()) {
        const bool holds = config_.on_divergence == OnDivergence::kHold;
        log_warning(what(), holds ? "no notify_dev: nobody can make a checkpoint; output that differs is "
                                    "held for ever (on-divergence=hold)"
                                  : "no notify_dev: nobody can make a checkpoint; output that differs is "
                                    "released (on-divergence=release)");
    }
}

void ColoCompare::open_secondary() {
    if (!link_) return secondary_.open(host_, *this, "secondary_in", secondary_in_, vnet_);
    nic_.join(link_.find(host_, what()), *this);
    secondary_.open(host_, *this, "link", nic_->in(), vnet_, vnet_);
    if (nic_->is_up()) link_changed(true);
}

/// Passthrough rules are the process's, not one NIC's.
void ColoCompare::take_over_rules() {
    for (const Object* object : host_.objects()) {
        const auto* other = dynamic_cast<const ColoCompare*>(object);
        if (!other) continue;
        for (const auto& rule : other->comparator_->rules().all()) {
            if (!rule) continue;
            PassRule copy = *rule;
            copy.frames = 0;
            comparator_->add_rule(std::move(copy), now());
        }
        return;
    }
}

void ColoCompare::touched() { host_.loop().at_end(*this); }

Time ColoCompare::now() const { return host_.loop().now(); }

void ColoCompare::release(Frame frame, Time now) { out_.send(std::move(frame), now); }

void ColoCompare::request_checkpoint(const CheckpointRequest& request) {
    if (request.reason == Reason::kDivergence) report_divergence(request);
    policy_->request(request);
    touched();
}

void ColoCompare::delta_known(const FlowKey& flow, const Announcement& announced) {
    if (nic_) nic_->tell({flow, announced});
}

void ColoCompare::link_changed(bool up) {
    if (!up) return;
    nic_->mark_epoch();
    const bool is_back = std::exchange(was_up_, true);
    if (is_back && notify_.is_open()) ask_for_checkpoint(Reason::kPeer);
}

bool ColoCompare::checkpoint_wanted(const std::string&) {
    if (notify_.is_open()) ask_for_checkpoint(Reason::kPeer);
    return notify_.is_open();
}

/// There may be several of us.
void ColoCompare::emit(const char* event, Json data) {
    data["object"] = id();
    host_.emit(event, data);
}

ComparingStatus ColoCompare::status() const {
    ComparingStatus status;
    status.mode = comparator_->mode() == Mode::kSimple ? "simple" : "lockstep";
    status.role = "primary";
    if (link_) status.peer = link_.state(host_);
    status.epoch = comparator_->epoch();
    status.checkpoints = policy_->counters().by_reason;
    return status;
}

void ColoCompare::need_checkpoints() const {
    if (!notify_.is_open()) throw std::runtime_error(what() + " has no notify_dev: nobody can make a checkpoint");
}

void ColoCompare::ask_for_checkpoint(Reason reason) {
    need_checkpoints();
    CheckpointRequest request;
    request.reason = reason;
    request.when = now();
    request_checkpoint(request);
}

/// Once a turn of the loop, after its frames.
void ColoCompare::flush() {
    const Time now = host_.loop().now();
    if (notify_.is_open()) order(now);
    look_at_drops(now);
    Time next = comparator_->next_deadline();
    if (notify_.is_open()) next = std::min(next, policy_->next_deadline());
    timer_.set(next);
}

void ColoCompare::tick() {
    comparator_->tick(host_.loop().now());
    apply_mode(host_.loop().now());
    touched();
}

void ColoCompare::order(Time now) {
    if (const auto due = policy_->order(now)) {
        ordered_ = due;
        ordered_at_ = now;
        unsent_order_ = true;
        say("checkpoint wanted: " + describe_request(*due));
    }
    if (!unsent_order_ || !notify_.is_connected()) return;
    notify_.send(host_.pool().copy(bytes_of(kWanted)), now);
    unsent_order_ = false;
}

void ColoCompare::apply_mode(Time now) {
    const Mode mode = policy_->compares() ? Mode::kLockstep : Mode::kSimple;
    if (comparator_->mode() == mode) return;
    comparator_->set_mode(mode, now);
    const char* name = mode == Mode::kSimple ? "simple" : "lockstep";
    const char* reason = mode == Mode::kSimple ? "too many checkpoints" : "trial";
    log_info(what(), std::string("mode ") + name + ": " + reason);
    emit("COLO_PROXY_MODE", Json{{"mode", name}, {"reason", reason}});
}

void ColoCompare::notified(Frame&& frame, Time now) {
    const std::string_view message = text_of(frame.bytes());
    if (message == kInit) {
        notify_.send(host_.pool().copy(bytes_of(kInitAnswer)), now);
    } else if (message == kMade) {
        checkpoint_made(now);
    } else {
        log_warning(what(), "notify_dev: a message nobody knows, of " + std::to_string(frame.size()) + " bytes");
    }
}

/// Both VMs stand still and are equal.
void ColoCompare::checkpoint_made(Time now) {
    policy_->replied(now);
    comparator_->fence(Fence::kLive, now);
    if (nic_) nic_->begin_epoch();
    policy_->fenced();
    host_.fenced();
    policy_->completed(now);
    CheckpointRequest unasked;
    unasked.reason = Reason::kPeriodic;
    const Time duration = ordered_ ? now - ordered_at_ : Time{0};
    emit("COLO_PROXY_CHECKPOINT", checkpoint_json(ordered_.value_or(unasked), comparator_->epoch(), duration));
    ordered_.reset();
    unsent_order_ = false;
    apply_mode(now);
    touched();
}

void ColoCompare::report_divergence(const CheckpointRequest& request) {
    if (!request.evidence || !request.flow) return;
    emit("COLO_PROXY_DIVERGENCE", divergence_json(request));
    if (!notify_.is_open()) say("the VMs differ: " + describe_request(request));
}

void ColoCompare::look_at_drops(Time now) {
    const uint64_t dropped = comparator_->counters().dropped_queue_full;
    if (dropped == dropped_seen_) return;
    host_.dropped(what(), "queue-full", dropped - dropped_seen_, now);
    dropped_seen_ = dropped;
}

void ColoCompare::say(std::string_view message) { log_info(what(), message); }

template <typename Enum>
void ColoCompare::set_policy(Enum& policy, Enum value) {
    if (policy == value) return;
    policy = value;
    if (notify_.is_open()) ask_for_checkpoint(Reason::kPolicyChange);
    touched();
}

std::vector<Property> ColoCompare::properties() {
    const auto text = [](const std::string& value) { return [&value] { return Value(value); }; };
    const auto ms = [this](Time ComparatorConfig::*member) {
        return [this, member] { return Value(ms_of(comparator_->config().*member)); };
    };
    // Any change may loosen something: what is held then goes with a checkpoint.
    const auto policy = [this]<typename Enum>(const Policy& words, Enum ComparatorConfig::*member) {
        return Property{words.key, "string",
                        [this, &words, member] {
                            return Value(words.words[static_cast<size_t>(comparator_->config().*member)]);
                        },
                        [this, &words, member](const Value& value) {
                            set_policy(comparator_->config().*member,
                                       words.parse<Enum>(string_of(value)));
                        }};
    };
    std::vector<Property> all{
        {"primary_in", "string", text(primary_in_)},
        {"secondary_in", "string", text(secondary_in_)},
        {"outdev", "string", text(outdev_)},
        {"notify_dev", "string", text(notify_dev_)},
        {"iothread", "link<iothread>", text(iothread_)},
        {"vnet_hdr_support", "bool", [this] { return Value(vnet_); }},
        {"compare_timeout", "uint64", ms(&ComparatorConfig::compare_timeout),
         [this](const Value& value) {
             comparator_->config().compare_timeout = milliseconds(uint_of(value, 1, kMostMs));
             touched();
         }},
        {"expired_scan_cycle", "uint32", [this] { return Value(expired_scan_cycle_); },
         [this](const Value& value) { expired_scan_cycle_ = uint_of(value, 1, kMostMs); }},
        {"max_queue_size", "uint32",
         [this] { return Value(uint64_t{comparator_->config().max_queue_frames}); },
         [this](const Value& value) {
             comparator_->config().max_queue_frames =
                 static_cast<uint32_t>(uint_of(value, 1, UINT32_MAX));
         }},
        {"max-queue-bytes", "uint64", [this] { return Value(comparator_->config().max_queue_bytes); },
         [this](const Value& value) {
             comparator_->config().max_queue_bytes = uint_of(value, 1, UINT64_MAX);
         }},
        {"max-connections", "uint32",
         [this] { return Value(uint64_t{comparator_->config().max_connections}); },
         [this](const Value& value) {
             comparator_->set_max_connections(static_cast<uint32_t>(uint_of(value, 1, kMostConnections)));
         }},
        policy(kOnDivergence, &ComparatorConfig::on_divergence),
        policy(kIcmpErrors, &ComparatorConfig::icmp_errors),
        policy(kArp, &ComparatorConfig::arp),
    };
    for (Property& property : link_.properties()) all.push_back(std::move(property));
    return all;
}

namespace {

const ObjectType g_colo_compare("colo-compare", [](FilterHost& host, std::string id, OptionReader& options) {
    return std::unique_ptr<Object>(std::make_unique<ColoCompare>(host, std::move(id), options));
});

}  // namespace

}  // namespace colo
