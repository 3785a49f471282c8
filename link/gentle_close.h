// SPDX-License-Identifier: GPL-2.0-or-later
// Closing a socket so that the last words arrive: TCP throws away what the peer has not read yet when a
// socket is closed with unread input.
#pragma once

#include <glib.h>

#include "io/event_loop.h"
#include "io/file_descriptor.h"

namespace colo {

/// Sends nothing more, and reads what comes until the peer has closed or two seconds have passed, with
/// nobody to look after it. The context must run; when it goes, so does the socket.
void close_gently(GMainContext* context, FileDescriptor fd);

/// For who is about to end: runs the loop until none is under way in this thread, for 300 ms at most.
void part_gently(EventLoop& loop);

}  // namespace colo
