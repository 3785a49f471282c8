// SPDX-License-Identifier: GPL-2.0-or-later
// Who hands a survivor's bases on to its new secondary.
#pragma once

#include "compare/offsets.h"
#include "packet/flow_key.h"

namespace colo {

class BaseObserver {
  public:
    /// A flow's base is another now, or has become known; 0 also when the flow is no more. Called from
    /// within calls into the mapper; must not call it.
    virtual void base_changed(const FlowKey& flow, const Base& base) = 0;

  protected:
    ~BaseObserver() = default;
};

}  // namespace colo
