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

namespace colo {

namespace {

/// QEMU's QEMU_NET_PACKET_FLAG_RAW: no vnet header, whatever the netdev has.
constexpr unsigned kRawFlag = 1;
/// QEMU's COLO_EVENT_CHECKPOINT and COLO_EVENT_FAILOVER.
constexpr int kCheckpointEvent = 1;
constexpr int kFailoverEvent = 2;
/// QEMU's loop has other things to do, too.
constexpr unsigned kMostFramesATurn = 256;
/// Nobody tells when a NIC has room again.
constexpr unsigned kLookAgainMs = 1;

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
}

QemuFilter::~QemuFilter() {
    qemu_del_vm_change_state_handler(vm_change_);
    worker().call([this](PluginHost& host) {
        if (qemu_ends()) host.qemu_ends();
        host.remove_filter(id_);
    });
    pass_all();
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
    uint64_t sum = malformed_;
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

/// Never kept: the NIC may go.
NetClientState* QemuFilter::sender(Direction direction) const {
    return direction == Direction::kTx ? netdev_ : qemu_get_peer(netdev_, 0);
}

void QemuFilter::pass_some() {
    again_.reset();
    const bool to_net = pass(Direction::kRx, Passing::kAsQemuCan);
    const bool to_vm = pass(Direction::kTx, Passing::kAsQemuCan);
    if (!to_net || !to_vm) again_ = after(nullptr, kLookAgainMs, [this] { pass_some(); });
}

void QemuFilter::pass_all() {
    pass(Direction::kRx, Passing::kAll);
    pass(Direction::kTx, Passing::kAll);
}

/// QEMU would queue what cannot be received now, and throw it away when the VM is stopped: it waits here.
bool QemuFilter::pass(Direction direction, Passing passing) {
    Way& passed = way(direction);
    FrameCrossing& crossing = crossings_->out(direction);
    for (unsigned frames = 0; !passed.batch.empty() || crossing.take(passed.batch); ++frames) {
        NetClientState* from = sender(direction);
        if (passing == Passing::kAsQemuCan && from) {
            if (!qemu_can_send_packet(from)) return false;
            if (frames >= kMostFramesATurn) {
                crossings_->to_qemu.raise();
                return true;
            }
        }
        const size_t cost = passed.batch.cost();
        pass_first(passed, from);
        passed.batch.remove_first();
        crossing.consumed(cost);
    }
    return true;
}

void QemuFilter::pass_first(Way& passed, NetClientState* from) {
    if (!from) {
        ++passed.homeless;
        return;
    }
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

/// Each NIC's filter says so: once is enough, and more does no harm.
void QemuFilter::vm_changed(bool running) {
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
