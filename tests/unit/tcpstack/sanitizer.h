// SPDX-License-Identifier: GPL-2.0-or-later
// Sanitizers bring their own allocator, which takes no advice, counts no allocations for us and
// makes libslirp's connections dear.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COLO_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COLO_UNDER_SANITIZER 1
#endif
#endif
#ifndef COLO_UNDER_SANITIZER
#define COLO_UNDER_SANITIZER 0
#endif

namespace colo::test {

inline constexpr bool kUnderSanitizer = COLO_UNDER_SANITIZER != 0;

}  // namespace colo::test
