// SPDX-License-Identifier: GPL-2.0-or-later
// A netdev filter as QEMU sees it: QEMU's half, which runs under QEMU's lock. It takes every frame, hands it to
// our thread, and lets those go on that come back.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "filter/direction.h"
#include "filter/qemu/plugin_host.h"
#include "filter/qemu/qemu_abi.h"
#include "filter/qemu/vnet_length.h"
#include "io/glib_source.h"

namespace colo {

class QemuFilter {
  public:
    /// `object`: QEMU's, about to be put into the chain. Throws what says why it cannot be.
    QemuFilter(QomObject* object, const FilterRole& role, std::vector<Option> options);
    QemuFilter(const QemuFilter&) = delete;
    QemuFilter& operator=(const QemuFilter&) = delete;
    /// What is held goes on first. A VM that may not be heard without us is cut off.
    ~QemuFilter();

    /// 0: the frame goes on; else it has been taken.
    ssize_t receive(NetClientState* sender, unsigned flags, std::span<const iovec> pieces);
    void status_changed();
    /// QEMU's COLO has made a checkpoint, or failed over. True: QEMU need do no more about it.
    bool handle_event(int event);

    const std::string& id() const { return id_; }

  private:
    /// Nobody tells when a NIC has room again. One that has none for long is looked at less often.
    static constexpr unsigned kLookAgainMs = 1;
    static constexpr unsigned kLookAgainLateMs = 100;

    /// What has come back, of one direction.
    struct Way {
        CrossedFrames batch;
        uint64_t passed = 0;
        uint64_t homeless = 0;  ///< frames whose NIC has gone
        uint64_t queued = 0;    ///< at QEMU, since the receiver has taken none
        uint64_t lost = 0;      ///< beyond what QEMU queues
    };

    enum class Passing : uint8_t { kAsQemuCan, kAll };

    void add_properties(const std::vector<PropertyInfo>& properties);
    void add_counter(const char* name, uint64_t (QemuFilter::*count)() const);
    void pass_some();
    /// False: the receiver takes no more for now.
    bool pass(Direction direction, Passing passing);
    void pass_first(Way& way, NetClientState* sender, bool can_be_received);
    void pass_all();
    void tell_lost();
    void cut_off();
    void watch_queue();
    void look_at_queue();
    NetClientState* sender(Direction direction) const;
    uint64_t passed() const { return ways_[0].passed + ways_[1].passed; }
    Way& way(Direction direction) { return ways_[static_cast<size_t>(direction)]; }
    uint64_t refused() const;
    uint64_t held_back() const;
    uint64_t homeless() const;
    void vm_changed(bool running);

    static void on_vm_changed(void* filter, bool running, int);

    QomObject* const object_;
    const FilterRole& role_;
    std::string id_;
    NetClientState* netdev_ = nullptr;
    std::shared_ptr<FilterCrossings> crossings_ = std::make_shared<FilterCrossings>();
    std::array<Way, 2> ways_;
    std::optional<VnetLength> vnet_;
    bool is_on_ = true;
    uint64_t malformed_ = 0;
    uint64_t told_lost_ = 0;
    SourcePtr returned_;
    SourcePtr again_;
    unsigned again_ms_ = kLookAgainMs;
    SourcePtr queue_look_;
    VMChangeStateEntry* vm_change_ = nullptr;
};

/// Of all roles, to be called once.
void register_filter_types();

/// Makes QEMU's object, in /objects. False: `errors` says why.
bool make_filter(const FilterRole& role, std::vector<Option> options, Error** errors);

}  // namespace colo
