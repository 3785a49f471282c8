// SPDX-License-Identifier: GPL-2.0-or-later
// A first-in first-out queue that allocates only to grow. Its bound is its user's.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace colo {

template <typename T>
class Ring {
  public:
    bool empty() const { return count_ == 0; }
    size_t size() const { return count_; }

    /// 0 is the oldest.
    T& operator[](size_t index) { return slots_[(first_ + index) & mask_]; }
    const T& operator[](size_t index) const { return slots_[(first_ + index) & mask_]; }
    T& front() { return (*this)[0]; }
    T& back() { return (*this)[count_ - 1]; }

    /// A slot at the end: a fresh T.
    T& push() {
        if (count_ == slots_.size()) grow();
        return (*this)[count_++];
    }
    void pop() {
        front() = T();
        first_ = (first_ + 1) & mask_;
        --count_;
    }
    /// The newest.
    void pop_back() {
        back() = T();
        --count_;
    }
    void clear() {
        while (!empty()) pop();
    }

  private:
    void grow() {
        std::vector<T> larger(slots_.empty() ? 16 : 2 * slots_.size());
        for (size_t i = 0; i < count_; ++i) larger[i] = std::move((*this)[i]);
        slots_ = std::move(larger);
        mask_ = slots_.size() - 1;
        first_ = 0;
    }

    std::vector<T> slots_;  ///< as many as a power of two
    size_t mask_ = 0;
    size_t first_ = 0;
    size_t count_ = 0;
};

}  // namespace colo
