// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/qemu_filter.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "filter/option_reader.h"
#include "filter/qemu/filter_class.h"
#include "filter/qemu/property_bridge.h"
#include "filter/qemu/qemu_end.h"
#include "filter/qemu/qemu_error.h"
#include "filter/qemu/worker.h"
#include "io/log.h"

namespace colo {

namespace {

constexpr const char* kWhat = "colo-proxy";
/// QEMU's QEMU_NET_PACKET_FLAG_RAW: no vnet header, whatever the netdev has.
constexpr unsigned kRawFlag = 1;
/// QEMU's COLO_EVENT_CHECKPOINT and COLO_EVENT_FAILOVER.
constexpr int kCheckpointEvent = 1;
constexpr int kFailoverEvent = 2;
/// QEMU's loop has other things to do, too.
constexpr unsigned kMostFramesATurn = 256;
/// What QEMU keeps for who cannot receive now; the frames beyond it are lost, and it does not say so.
constexpr uint64_t kQemusQueue = 10'000;
constexpr unsigned kLookAtQueueMs = 1000;

/// QEMU's structs have no room for ours, and their layout is none of our business.
std::map<QomObject*, std::unique_ptr<QemuFilter>>& filters() {
    static auto* all = new std::map<QomObject*, std::unique_ptr<QemuFilter>>;
    return *all;
}

/// What make_filter() has for the object that QEMU makes for it.
struct Pending {
    const FilterRole& role;
    std::vector<Option> options;
};
Pending* g_pending = nullptr;

/// Those that QEMU looks at itself.
struct QemuOptions {
    std::string netdev, queue, position, insert, status;

    static QemuOptions read(OptionReader& options) {
        return {options.need("netdev"), options.take("queue", "all"), options.take("position", "tail"),
                options.take("insert", "behind"), options.take("status", "on")};
    }
};

std::string text_property(QomObject* object, const char* name) {
    char* text = object_property_get_str(object, name, nullptr);
    const std::string value = text ? text : "";
    g_free(text);
    return value;
}

}  // namespace

QemuFilter::QemuFilter(QomObject* object, const FilterRole& role, std::vector<Option> options)
    : object_(object), role_(role) {
    std::erase_if(options, [this](const Option& option) {
        if (option.key != "filter-id") return false;
        id_ = option.value;
        return true;
    });
    const std::string netdev = text_property(object, "netdev");
    netdev_ = qemu_find_netdev(netdev.c_str());
    if (!netdev_) throw std::runtime_error("no netdev '" + netdev + "'");
    vnet_.emplace(netdev_);
    is_on_ = text_property(object, "status") == "on";
    const FilterRequest request{id_, &role_, text_property(object, "queue"), is_on_,
                                std::move(options), crossings_};
    std::vector<PropertyInfo> properties;
    worker().call([&](PluginHost& host) { properties = host.add_filter(request); });
    add_properties(properties);
    returned_ = watch_fd(nullptr, crossings_->to_qemu.fd(), G_IO_IN, [this] {
        crossings_->to_qemu.lower();
        pass_some();
    });
    vm_change_ = qemu_add_vm_change_state_handler(on_vm_changed, this);
    if (role_.side) watch_queue();
}

QemuFilter::~QemuFilter() {
    qemu_del_vm_change_state_handler(vm_change_);
    bool may_be_heard = true;
    worker().call([&](PluginHost& host) {
        if (qemu_ends()) host.qemu_ends();
        may_be_heard = host.remove_filter(id_);
    });
    pass_all();
    if (!may_be_heard) cut_off();
}

/// QEMU asks nobody whether an object may go.
void QemuFilter::cut_off() {
    const std::string netdev = text_property(object_, "netdev");
    Error* error = nullptr;
    qmp_set_link(netdev.c_str(), false, &error);
    const std::string problem = text_of(error);
    log_error(kWhat, "'" + id_ + "' was removed, and its VM must not be heard without it: " +
                         (problem.empty() ? "the link of '" + netdev + "' is off; set_link switches it on again"
                                          : "the link of '" + netdev + "' cannot be switched off: " + problem));
}

void QemuFilter::add_properties(const std::vector<PropertyInfo>& properties) {
    for (const PropertyInfo& property : properties) bridge_property(object_, id_, property);
    add_counter("refused", &QemuFilter::refused);
    add_counter("held-back", &QemuFilter::held_back);
    add_counter("homeless", &QemuFilter::homeless);
}

void QemuFilter::add_counter(const char* name, uint64_t (QemuFilter::*count)() const) {
    add_counter_property(object_, name, [this, count] { return (this->*count)(); });
}

uint64_t QemuFilter::refused() const {
    uint64_t sum = malformed_ + ways_[0].lost + ways_[1].lost;
    for (const Direction direction : {Direction::kTx, Direction::kRx})
        sum += crossings_->in(direction).counters().refused + crossings_->out(direction).counters().refused;
    return sum;
}

uint64_t QemuFilter::held_back() const {
    return crossings_->to_vm_out.pending() + crossings_->to_net_out.pending();
}

uint64_t QemuFilter::homeless() const { return ways_[0].homeless + ways_[1].homeless; }

// --- Frames --------------------------------------------------------------------------------------

ssize_t QemuFilter::receive(NetClientState* sender, unsigned flags, std::span<const iovec> pieces) {
    const Direction direction = sender == netdev_ ? Direction::kTx : Direction::kRx;
    size_t size = 0;
    for (const iovec& piece : pieces) size += piece.iov_len;
    const size_t front = flags & kRawFlag ? 0 : vnet_->now();
    const auto taken = static_cast<ssize_t>(size);
    if (size <= front || size - front > kMaxFrameBytes || front > kMaxFront) {
        ++malformed_;
        return taken;
    }
    if (crossings_->in(direction).put(pieces, size, front) == FrameCrossing::Put::kFirst) crossings_->to_us.raise();
    return taken;
}

/// Never kept: the NIC may go. nullptr: it has gone, and nothing passes either way.
NetClientState* QemuFilter::sender(Direction direction) const {
    NetClientState* nic = qemu_get_peer(netdev_, 0);
    return nic && direction == Direction::kTx ? netdev_ : nic;
}

/// A VM that is stopped takes nothing until vm_changed().
void QemuFilter::pass_some() {
    again_.reset();
    const uint64_t before = passed();
    const bool to_net = pass(Direction::kRx, Passing::kAsQemuCan);
    const bool to_vm = pass(Direction::kTx, Passing::kAsQemuCan);
    if (passed() > before) again_ms_ = kLookAgainMs;
    if ((to_net && to_vm) || !runstate_is_running()) return;
    again_ = after(nullptr, again_ms_, [this] {
        again_ms_ = std::min(2 * again_ms_, kLookAgainLateMs);
        pass_some();
    });
}

void QemuFilter::pass_all() {
    pass(Direction::kRx, Passing::kAll);
    pass(Direction::kTx, Passing::kAll);
    tell_lost();
}

/// Of those that went into QEMU's queue just now.
void QemuFilter::tell_lost() {
    const uint64_t lost = ways_[0].lost + ways_[1].lost;
    const uint64_t news = lost - std::exchange(told_lost_, lost);
    if (news == 0) return;
    log_warning(kWhat, "'" + id_ + "': " + std::to_string(news) +
                           " frames for who cannot receive now are lost: QEMU's queue is full");
    worker().post([what = "netfilter '" + id_ + "'", news](PluginHost& host) { host.lost(what, news); });
}

/// QEMU would queue what cannot be received now, and throw it away when the VM is stopped: it waits here.
bool QemuFilter::pass(Direction direction, Passing passing) {
    Way& passed = way(direction);
    FrameCrossing& crossing = crossings_->out(direction);
    for (unsigned frames = 0; !passed.batch.empty() || crossing.take(passed.batch); ++frames) {
        NetClientState* from = sender(direction);
        const bool can_be_received = from && qemu_can_send_packet(from);
        if (passing == Passing::kAsQemuCan && from) {
            if (!can_be_received) return false;
            if (frames >= kMostFramesATurn) {
                crossings_->to_qemu.raise();
                return true;
            }
        }
        const size_t cost = passed.batch.cost();
        pass_first(passed, from, can_be_received);
        passed.batch.remove_first();
        crossing.consumed(cost);
    }
    return true;
}

void QemuFilter::pass_first(Way& passed, NetClientState* from, bool can_be_received) {
    if (!from) {
        ++passed.homeless;
        return;
    }
    passed.queued = can_be_received ? 0 : passed.queued + 1;
    if (passed.queued > kQemusQueue) ++passed.lost;
    static constexpr std::array<uint8_t, kMaxFront> kNoOffload{};
    const CrossedFrames::Frame frame = passed.batch.first();
    const size_t length = std::min<size_t>(vnet_->now(), kMaxFront);
    const size_t kept = std::min(length, frame.front.size());
    const auto piece = [](const uint8_t* at, size_t size) { return iovec{const_cast<uint8_t*>(at), size}; };
    const std::array<iovec, 3> pieces{piece(frame.front.data(), kept), piece(kNoOffload.data(), length - kept),
                                      piece(frame.bytes.data(), frame.bytes.size())};
    ++passed.passed;
    qemu_netfilter_pass_to_next(from, 0, pieces.data(), static_cast<int>(pieces.size()), object_);
}

// --- Changes -------------------------------------------------------------------------------------

/// Frames that come now go past us: what we have goes on before them.
void QemuFilter::status_changed() {
    const bool on = text_property(object_, "status") == "on";
    if (on == is_on_) return;
    try {
        worker().call([&](PluginHost& host) { host.switch_filter(id_, on); });
    } catch (const std::exception&) {
        // QEMU has switched it already: back, which comes here again.
        object_property_set_str(object_, "status", is_on_ ? "on" : "off", nullptr);
        throw;
    }
    is_on_ = on;
    if (!on) pass_all();
}

/// A pair's own proxies know better when a checkpoint counts.
bool QemuFilter::handle_event(int event) {
    if (!role_.survives_failover) return false;
    if (role_.side) return true;
    if (event == kCheckpointEvent) worker().call([](PluginHost& host) { host.fenced(); });
    if (event == kFailoverEvent) worker().call([](PluginHost& host) { host.failed_over(); });
    return true;
}

/// QEMU tells nobody when it is changed, and frames of the other way would go past us: of a secondary's VM, too.
void QemuFilter::look_at_queue() {
    if (text_property(object_, "queue") == "all") return;
    object_property_set_str(object_, "queue", "all", nullptr);
    log_error(kWhat, "'" + id_ + "': queue: must be all: a pair needs both ways; it is again");
}

void QemuFilter::watch_queue() {
    look_at_queue();
    queue_look_ = after(nullptr, kLookAtQueueMs, [this] { watch_queue(); });
}

/// Each NIC's filter says so: once is enough, and more does no harm.
void QemuFilter::vm_changed(bool running) {
    if (role_.side) look_at_queue();
    worker().post([running](PluginHost& host) { host.tell_run_state(running); });
    if (!running) return;
    qemu_goes_on();
    pass_some();
}

void QemuFilter::on_vm_changed(void* filter, bool running, int) {
    static_cast<QemuFilter*>(filter)->vm_changed(running);
}

// --- QEMU's class --------------------------------------------------------------------------------

namespace {

QemuFilter* filter_of(QomObject* object) {
    const auto found = filters().find(object);
    return found == filters().end() ? nullptr : found->second.get();
}

void setup(QomObject* object, Error** errors) {
    if (!g_pending) return set_error(errors, "such a filter is made by -device colo-proxy,filter-id=...");
    guarded(errors, [object] {
        filters()[object] = std::make_unique<QemuFilter>(object, g_pending->role, std::move(g_pending->options));
    });
}

/// Also of one whose setup has failed.
void cleanup(QomObject* object) {
    const auto found = filters().find(object);
    if (found == filters().end()) return;
    guarded(nullptr, [&] { filters().erase(found); });
}

void status_changed(QomObject* object, Error** errors) {
    QemuFilter* filter = filter_of(object);
    if (filter) guarded(errors, [filter] { filter->status_changed(); });
}

ssize_t receive(QomObject* object, NetClientState* sender, unsigned flags, const iovec* pieces, int count,
                NetPacketSent*) {
    QemuFilter* filter = filter_of(object);
    return filter ? filter->receive(sender, flags, {pieces, static_cast<size_t>(count)}) : 0;
}

decltype(FilterFunctions::handle_event) g_parent_handle_event = nullptr;

void handle_event(QomObject* object, int event, Error** errors) {
    QemuFilter* filter = filter_of(object);
    bool is_done = false;
    if (filter && !guarded(errors, [&] { is_done = filter->handle_event(event); })) return;
    if (!is_done) g_parent_handle_event(object, event, errors);
}

void init_class(QomClass* filter_class, void*) {
    FilterFunctions* functions = functions_of(filter_class);
    g_parent_handle_event = functions->handle_event;
    *functions = {setup, cleanup, status_changed, handle_event, receive};
}

}  // namespace

void register_filter_types() {
    for (const FilterRole& role : filter_roles()) {
        if (object_class_by_name(role.qemu_type)) continue;  // of two roles
        TypeInfo type{};
        type.name = role.qemu_type;
        type.parent = "netfilter";
        type.class_init = init_class;
        type_register_static(&type);
    }
}

bool make_filter(const FilterRole& role, std::vector<Option> options, Error** errors) {
    OptionReader reader("colo-proxy", options);
    std::string id;
    QemuOptions qemus;
    const bool read = guarded(errors, [&] {
        id = reader.need("filter-id");
        qemus = QemuOptions::read(reader);
        // QEMU ends itself over a twin.
        if (object_property_find(object_get_objects_root(), id.c_str())) reader.fail("filter-id", "'" + id + "' is taken");
    });
    if (!read) return false;
    std::erase_if(options, [](const Option& option) { return is_qemus_option(option.key); });
    Pending pending{role, std::move(options)};
    g_pending = &pending;
    const QomObject* made = object_new_with_props(role.qemu_type, object_get_objects_root(), id.c_str(), errors, "netdev",
                                                  qemus.netdev.c_str(), "queue", qemus.queue.c_str(), "position",
                                                  qemus.position.c_str(), "insert", qemus.insert.c_str(), "status",
                                                  qemus.status.c_str(), nullptr);
    g_pending = nullptr;
    return made != nullptr;
}

}  // namespace colo
