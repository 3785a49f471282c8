// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/lifeline.h"

namespace colo {

Lifeline::Watch::Watch(Lifeline& line) : line_(&line), outer_(line.watch_) { line.watch_ = this; }

}  // namespace colo
