// SPDX-License-Identifier: GPL-2.0-or-later
// For answers that come later, to an object that may be gone by then.
#pragma once

#include <memory>
#include <utility>

namespace colo {

/// A member of the object: goes first, when it is the last.
class CallGuard {
  public:
    CallGuard() = default;
    CallGuard(const CallGuard&) = delete;
    CallGuard& operator=(const CallGuard&) = delete;

    /// `function`, which is not called once the guard is gone.
    template <typename Function>
    auto wrap(Function function) const {
        return [life = std::weak_ptr<const bool>(life_), function = std::move(function)](const auto&... arguments) {
            if (!life.expired()) function(arguments...);
        };
    }

  private:
    std::shared_ptr<const bool> life_ = std::make_shared<bool>(true);
};

}  // namespace colo
