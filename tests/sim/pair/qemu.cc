// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/qemu.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "packet/bytes.h"

namespace colo::sim::pair {

namespace {

constexpr uint32_t kReady = 0, kRequest = 1, kReply = 2, kReceived = 5, kLoaded = 6;
/// In front of a state: its size in bytes with what follows, and its number.
constexpr size_t kStateHeader = 16;
/// A migration looks for dirty pages as often as this.
constexpr Time kMigrationRound = milliseconds(3);

std::string word_of(uint32_t value) {
    std::string bytes(4, '\0');
    store_be32(reinterpret_cast<uint8_t*>(bytes.data()), value);
    return bytes;
}

uint32_t word_at(const std::string& bytes) { return load_be32(reinterpret_cast<const uint8_t*>(bytes.data())); }

}  // namespace

Qemu::Qemu(Timeline& timeline, Random chance, const QemuPaths& paths, Snapshots& snapshots, std::function<void()> wrote)
    : Part(timeline, chance),
      paths_(paths),
      snapshots_(snapshots),
      wrote_(std::move(wrote)),
      guest_(this->chance().fork()),
      vm_runs_(paths.incoming.empty()),
      state_(paths.incoming.empty() ? State::kNone : State::kIncoming),
      monitor_door_(std::make_unique<Door>(paths.qmp)) {
    if (!paths.incoming.empty()) incoming_door_ = std::make_unique<Door>(paths.incoming);
}

void Qemu::connect_vm() {
    vm_ = Socket::to(paths_.vm);
    wake();
}

void Qemu::die() {
    set_dead();
    vm_runs_ = false;
    vm_.close();
    monitor_.close();
    channel_.close();
    monitor_door_.reset();
    incoming_door_.reset();
}

void Qemu::turn() {
    vm_.flush();
    channel_.flush();
    monitor_.flush();
    // What is ready takes turns.
    const std::array<bool (Qemu::*)(), 4> parts{&Qemu::accept, &Qemu::serve_vm, &Qemu::serve_monitor, &Qemu::serve_channel};
    const size_t first = chance().below(parts.size());
    for (size_t i = 0; i < parts.size() && is_well(); ++i) {
        if ((this->*parts[(first + i) % parts.size()])()) {
            wrote_();
            return wake();
        }
    }
    rest();
}

void Qemu::rest() {
    Time next = kNever;
    if (vm_runs_) next = std::min(next, guest_.next_deadline());
    if (state_ == State::kColo) next = std::min(next, periodic_at_);
    if (state_ == State::kMigrate) next = std::min(next, now() + kMigrationRound);
    if (vm_.has_unsent() || channel_.has_unsent() || monitor_.has_unsent()) next = std::min(next, now() + milliseconds(1));
    if (next != kNever) wake_at(std::max(next, now() + microseconds(1)));
}

bool Qemu::accept() {
    if (!monitor_.is_open() || monitor_.is_at_end()) {
        monitor_ = monitor_door_->accept();
        lines_.clear();
        has_greeted_ = false;
    }
    if (!channel_.is_open() && incoming_door_ && state_ == State::kIncoming) {
        channel_ = incoming_door_->accept();
        if (channel_.is_open()) incoming_door_.reset();  // as QEMU, who takes one
    }
    if (!monitor_.is_open() || has_greeted_) return false;
    monitor_.write("{\"QMP\": {}}\n");
    return has_greeted_ = true;
}

// --- The VM's network ----------------------------------------------------------------------------

/// While the VM stands still nothing is read.
bool Qemu::serve_vm() {
    if (!vm_runs_) return false;
    TcpEndpoint::Out out;
    const size_t missing = frame_.size() < 4 ? 4 - frame_.size() : 4 + word_at(frame_) - frame_.size();
    if (guest_.next_deadline() <= now()) {
        guest_.tick(now(), out);
    } else if (vm_.has(missing)) {
        vm_.read(frame_, missing);
        if (frame_.size() == 4) vm_.read(frame_, word_at(frame_));
        if (frame_.size() < 4 || frame_.size() < 4 + word_at(frame_)) return true;
        const std::string frame = std::exchange(frame_, {}).substr(4);
        timeline().boundary();
        if (!is_well()) return true;
        if (frame.compare(12, 2, "\x08\0", 2) == 0) guest_.receive(decode(ByteVector(frame.begin(), frame.end())), now(), out);
    } else {
        return false;
    }
    give_out(out);
    return true;
}

void Qemu::give_out(TcpEndpoint::Out& out) {
    for (const Packet& packet : out) {
        const ByteVector frame = encode(packet);
        vm_.write(word_of(static_cast<uint32_t>(frame.size())));
        vm_.write({reinterpret_cast<const char*>(frame.data()), frame.size()});
    }
}

// --- Channel -------------------------------------------------------------------------------------

bool Qemu::is_primary_in_colo() const {
    return state_ >= State::kColo && state_ <= State::kAwaitLoaded;
}

void Qemu::break_off() {
    if (state_ == State::kMigrate || state_ == State::kAwaitReady) {
        // No COLO yet: the VM goes on, the migration has failed.
        end_channel();
        state_ = State::kNone;
        migration_ = "failed";
        run_vm(true);
        return;
    }
    state_ = State::kBroken;
}

bool Qemu::serve_channel() {
    if (!channel_.is_open()) return false;
    const bool has_read = channel_.read(channel_in_);
    switch (state_) {
        case State::kNone:
        case State::kBroken:
            return false;
        case State::kMigrate:
            if (is_cut()) return break_off(), true;
            return send_piece(State::kAwaitReady), true;
        case State::kAwaitReady:
            if (!take_word(kReady)) return has_read;
            state_ = State::kColo;
            migration_ = "colo";
            run_vm(true);
            periodic_at_ = now() + delay_;
            return true;
        case State::kColo:
            if (is_cut()) return break_off(), true;
            if (!checkpoint_is_due_ && now() < periodic_at_) return has_read;
            say(kRequest);
            state_ = State::kAwaitReply;
            return true;
        case State::kAwaitReply:
            if (!take_word(kReply)) return has_read;
            run_vm(false);
            state_ = State::kSend;
            return true;
        case State::kSend:
            // Asked for until here: swallowed.
            checkpoint_is_due_ = false;
            if (is_cut()) return break_off(), true;
            return send_piece(State::kAwaitReceived), true;
        case State::kAwaitReceived:
            if (!take_word(kReceived)) return has_read;
            state_ = State::kAwaitLoaded;
            return true;
        case State::kAwaitLoaded:
            if (!take_word(kLoaded)) return has_read;
            ++checkpoints_;
            run_vm(true);
            periodic_at_ = now() + delay_;
            state_ = State::kColo;
            return true;
        case State::kIncoming:
            if (!take_state()) return has_read;
            load();
            say(kReady);
            return true;
        case State::kWait:
            if (!take_word(kRequest)) return has_read;
            run_vm(false);
            say(kReply);
            state_ = State::kReceive;
            return true;
        case State::kReceive:
            if (!take_state()) return has_read;
            say(kReceived);
            state_ = State::kLoad;
            return true;
        case State::kLoad:
            load();
            ++checkpoints_;
            say(kLoaded);
            return true;
    }
    return false;
}

void Qemu::say(uint32_t message) { channel_.write(word_of(message)); }

/// True: it has come, and is taken.
bool Qemu::take_word(uint32_t expected) {
    if (channel_in_.size() < 4) {
        if (is_cut()) break_off();
        return false;
    }
    timeline().boundary();
    if (!is_well()) return false;
    const bool is_right = word_at(channel_in_) == expected;
    channel_in_.erase(0, 4);
    if (!is_right) break_off();
    return is_right;
}

/// The state is what it is when its last piece is written: until then a migrating VM runs.
void Qemu::send_piece(State next) {
    if (pieces_.empty()) {
        const uint64_t filler = 32 + chance().below(next == State::kAwaitReady ? 20000 : 4000);
        const uint64_t size = kStateHeader + filler;
        std::string all(size, 's');
        std::memcpy(all.data(), &size, sizeof(size));
        const size_t count = 1 + chance().below(3);
        for (size_t i = 0; i < count; ++i) pieces_.push_back(all.substr(size * i / count, size * (i + 1) / count - size * i / count));
    }
    if (pieces_.size() == 1) {
        run_vm(false);
        const uint64_t number = snapshots_.size();
        snapshots_.push_back(guest_);
        // At the very end, so that nothing but all of it will do.
        std::string& last = pieces_.front();
        std::memcpy(last.data() + last.size() - sizeof(number), &number, sizeof(number));
        state_ = next;
    }
    channel_.write(pieces_.front());
    pieces_.erase(pieces_.begin());
}

bool Qemu::take_state() {
    uint64_t size = kStateHeader;
    if (channel_in_.size() >= kStateHeader) std::memcpy(&size, channel_in_.data(), sizeof(size));
    if (channel_in_.size() < size) {
        if (is_cut()) break_off();
        return false;
    }
    timeline().boundary();
    return is_well();
}

void Qemu::load() {
    uint64_t size;
    uint64_t number;
    std::memcpy(&size, channel_in_.data(), sizeof(size));
    std::memcpy(&number, channel_in_.data() + size - sizeof(number), sizeof(number));
    channel_in_.erase(0, size);
    guest_.become(snapshots_.at(number));
    run_vm(true);
    state_ = State::kWait;
}

}  // namespace colo::sim::pair
