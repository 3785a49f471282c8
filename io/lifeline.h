// SPDX-License-Identifier: GPL-2.0-or-later
// Whether an object is still there after a callback that may have destroyed it.
#pragma once

namespace colo {

/// A member of the object.
class Lifeline {
  public:
    Lifeline() = default;
    Lifeline(const Lifeline&) = delete;
    Lifeline& operator=(const Lifeline&) = delete;
    ~Lifeline() {
        if (watch_) watch_->cut_ = true;
    }

    /// On the stack of a member function that calls back; they may nest.
    class Watch {
      public:
        /// Not inline: compilers warn of the pointer to the stack that is left behind, as is meant.
        explicit Watch(Lifeline& line);
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        ~Watch() {
            if (!cut_) {
                line_->watch_ = outer_;
            } else if (outer_) {
                outer_->cut_ = true;
            }
        }

        /// The object is gone: touch none of its members.
        bool is_cut() const { return cut_; }

      private:
        friend class Lifeline;

        Lifeline* line_;
        Watch* outer_;
        bool cut_ = false;
    };

  private:
    Watch* watch_ = nullptr;
};

}  // namespace colo
