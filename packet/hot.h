// SPDX-License-Identifier: GPL-2.0-or-later
// For the functions every frame passes through: inlined by force. As calls, saving and restoring
// registers costs a third of the whole path.
#pragma once

#define COLO_HOT [[gnu::always_inline]] inline
