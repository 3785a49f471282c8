// SPDX-License-Identifier: GPL-2.0-or-later
// How a pair comes about, as the primary's proxy does it step by step:
//
//   everybody is there -> both QEMUs are looked at -> fit for COLO -> the secondary's is prepared ->
//   ours is prepared -> the migration runs -> near its end input stops -> READY
//
// Ends with failed(), or without a word when the caller has seen READY and destroys it.
#pragma once

#include <optional>
#include <string>

#include "io/call_guard.h"
#include "pair/pair_context.h"
#include "qemu/vm_facts.h"

namespace colo {

class PairStart {
  public:
    /// Called from the loop; failed() may destroy the start.
    class Owner {
      public:
        /// The migration's stream is opened, and QEMU is about to connect. Nothing, or why not.
        virtual std::optional<std::string> migration_begins() = 0;
        virtual void migration_progress(const MigrationProgress& progress) = 0;
        virtual void start_failed(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// `uri`: where our QEMU is to connect to.
    PairStart(PairContext& context, std::string uri, bool disk_is_external, Owner& owner);
    PairStart(const PairStart&) = delete;
    PairStart& operator=(const PairStart&) = delete;

    /// Who has to be there first, and is not; empty: nobody.
    static std::string missing(PairContext& context);
    /// First step; the others follow. Throws std::runtime_error that names who is missing.
    void run();
    /// "looking at the primary's QEMU", ...
    const char* step() const { return step_; }

  private:
    void inspect_ours();
    void inspect_theirs();
    void check(const VmFacts& theirs);
    void prepare_theirs();
    void prepare_ours();
    void migrate();
    void fail(const std::string& why);

    PairContext& context_;
    const std::string uri_;
    const bool disk_is_external_;
    Owner& owner_;
    const char* step_ = "";
    VmFacts ours_;
    CallGuard guard_;
};

}  // namespace colo
