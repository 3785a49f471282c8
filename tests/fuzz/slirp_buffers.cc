// SPDX-License-Identifier: GPL-2.0-or-later
// libslirp's socket buffers, recycled. Each connection takes two of 128 KiB through GLib; the
// sanitizer's allocator maps, copies and unmaps them each time, which costs more than all the rest.
// These two functions stand in front of GLib's for libslirp alone. What the sanitizer would have
// seen it still sees: a free buffer and the gap behind each are poisoned, and no content survives.
#include <glib.h>
#include <sanitizer/asan_interface.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t kBufferBytes = 128u << 10;
constexpr size_t kGapBytes = 4096;
constexpr size_t kBuffers = 64;
constexpr int kJunk = 0xbe;

struct Slot {
    std::array<uint8_t, kBufferBytes> buffer;
    std::array<uint8_t, kGapBytes> gap;
};

class Buffers {
  public:
    Buffers() {
        for (Slot& slot : slots_) {
            ASAN_POISON_MEMORY_REGION(&slot.gap, sizeof slot.gap);
            give_back(&slot);
        }
    }
    /// Null when all are in use.
    void* take() {
        if (free_count_ == 0) return nullptr;
        Slot* slot = free_[--free_count_];
        ASAN_UNPOISON_MEMORY_REGION(&slot->buffer, sizeof slot->buffer);
        std::memset(&slot->buffer, kJunk, sizeof slot->buffer);
        return slot;
    }
    void give_back(void* memory) {
        auto* slot = static_cast<Slot*>(memory);
        ASAN_POISON_MEMORY_REGION(&slot->buffer, sizeof slot->buffer);
        free_[free_count_++] = slot;
    }
    bool owns(const void* memory) const {
        const auto at = reinterpret_cast<uintptr_t>(memory);
        const auto begin = reinterpret_cast<uintptr_t>(slots_.data());
        return at >= begin && at < begin + sizeof slots_;
    }

  private:
    static inline std::array<Slot, kBuffers> slots_;
    std::array<Slot*, kBuffers> free_{};
    size_t free_count_ = 0;
};

Buffers& buffers() {
    static Buffers instance;
    return instance;
}

void* checked(void* memory) {
    if (!memory) std::abort();
    return memory;
}

}  // namespace

extern "C" gpointer g_realloc(gpointer memory, gsize size) {
    if (memory && buffers().owns(memory)) {
        if (size == kBufferBytes) return memory;
        void* moved = std::memcpy(checked(std::malloc(size)), memory,
                                  size < kBufferBytes ? size : kBufferBytes);
        buffers().give_back(memory);
        return moved;
    }
    void* buffer = !memory && size == kBufferBytes ? buffers().take() : nullptr;
    return buffer ? buffer : checked(std::realloc(memory, size));
}

extern "C" void g_free(gpointer memory) {
    if (memory && buffers().owns(memory)) {
        buffers().give_back(memory);
    } else {
        std::free(memory);
    }
}
