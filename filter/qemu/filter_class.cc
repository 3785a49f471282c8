// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/filter_class.h"

#include <link.h>
#include <malloc.h>

#include <algorithm>

namespace colo {

namespace {

static_assert(sizeof(FilterFunctions) == 5 * sizeof(uintptr_t));

bool fits(std::span<const uintptr_t> abstract, std::span<const uintptr_t> concrete, const CodeRange& code) {
    const uintptr_t handle_event = abstract[3];
    if (abstract[0] || abstract[1] || abstract[2] || abstract[4] || !code.holds(handle_event)) return false;
    for (size_t i = 0; i < 5; ++i) {
        if (!code.holds(concrete[i])) return false;
    }
    return concrete[3] == handle_event;
}

/// The first that is told of is the program itself.
int take_code(dl_phdr_info* program, size_t, void* range) {
    auto& code = *static_cast<CodeRange*>(range);
    for (int i = 0; i < program->dlpi_phnum; ++i) {
        const auto& header = program->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || !(header.p_flags & PF_X)) continue;
        code.begin = program->dlpi_addr + header.p_vaddr;
        code.end = code.begin + header.p_memsz;
    }
    return 1;
}

/// How long a class is only the allocator knows.
std::span<const uintptr_t> words_of(QomClass* allocated) {
    return {reinterpret_cast<const uintptr_t*>(allocated), malloc_usable_size(allocated) / sizeof(uintptr_t)};
}

std::optional<size_t> look_for_functions() {
    QomClass* netfilter = object_class_by_name("netfilter");
    QomClass* buffer = object_class_by_name("filter-buffer");
    if (!netfilter || !buffer) return std::nullopt;
    CodeRange code;
    dl_iterate_phdr(take_code, &code);
    return find_functions(words_of(netfilter), words_of(buffer), code);
}

}  // namespace

std::optional<size_t> find_functions(std::span<const uintptr_t> netfilter,
                                     std::span<const uintptr_t> filter_buffer, const CodeRange& code) {
    const size_t words = std::min(netfilter.size(), filter_buffer.size());
    std::optional<size_t> found;
    for (size_t i = kFirstPlace; i <= kLastPlace && i + 5 <= words; ++i) {
        if (!fits(netfilter.subspan(i, 5), filter_buffer.subspan(i, 5), code)) continue;
        if (found) return std::nullopt;
        found = i;
    }
    return found;
}

std::optional<size_t> functions_place() {
    static const std::optional<size_t> place = look_for_functions();
    return place;
}

FilterFunctions* functions_of(QomClass* filter_class) {
    const auto place = functions_place();
    return place ? reinterpret_cast<FilterFunctions*>(reinterpret_cast<uintptr_t*>(filter_class) + *place) : nullptr;
}

}  // namespace colo
