// SPDX-License-Identifier: GPL-2.0-or-later
// Sanitizers bring their own allocator, which takes no advice and makes libslirp's connections
// dear.
#pragma once

namespace colo::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kUnderSanitizer =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kUnderSanitizer = false;
#endif

}  // namespace colo::test
