// SPDX-License-Identifier: GPL-2.0-or-later
// Between QEMU's errors and exceptions. No exception leaves through QEMU's functions.
#pragma once

#include <exception>
#include <string>

#include "filter/qemu/qemu_abi.h"

namespace colo {

/// `errors` may be null, as QEMU has it.
inline void set_error(Error** errors, const std::string& text) {
    error_setg_internal(errors, "colo-proxy", 0, "colo-proxy", "%s", text.c_str());
}

/// Takes the error.
inline std::string text_of(Error* error) {
    const std::string text = error ? error_get_pretty(error) : "";
    if (error) error_free(error);
    return text;
}

/// False: `errors` says why.
template <typename Action>
bool guarded(Error** errors, Action action) {
    try {
        action();
        return true;
    } catch (const std::exception& error) {
        set_error(errors, error.what());
        return false;
    }
}

}  // namespace colo
