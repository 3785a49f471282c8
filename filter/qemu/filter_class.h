// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's class of netdev filters: five functions at the end of a struct whose size is QEMU's own affair.
// Where they are is found by two classes that every QEMU has, as far as each of their words points at code or is
// zero: "netfilter", which is abstract, is {0, 0, 0, code, 0}; "filter-buffer" is {code, code, code, the same,
// code}. Exactly one place must fit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "filter/qemu/qemu_abi.h"

namespace colo {

struct FilterFunctions {
    void (*setup)(QomObject* filter, Error**);
    void (*cleanup)(QomObject* filter);
    void (*status_changed)(QomObject* filter, Error**);
    void (*handle_event)(QomObject* filter, int event, Error**);
    /// 0: the frame goes on; its size: it does not.
    ssize_t (*receive)(QomObject* filter, NetClientState* sender, unsigned flags, const iovec*, int,
                       NetPacketSent*);
};

/// Of executable memory.
struct CodeRange {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    bool holds(uintptr_t word) const { return word >= begin && word < end; }
};

/// Where the functions may begin, in words.
inline constexpr size_t kFirstPlace = 8;
inline constexpr size_t kLastPlace = 16;

/// Which word the functions begin at, of all that the classes have.
std::optional<size_t> find_functions(std::span<const uintptr_t> netfilter,
                                     std::span<const uintptr_t> filter_buffer, const CodeRange& code);

/// The same of the QEMU that we are in; nothing: its layout is not known. The first answer holds.
std::optional<size_t> functions_place();

/// nullptr: as above.
FilterFunctions* functions_of(QomClass* filter_class);

}  // namespace colo
