// SPDX-License-Identifier: GPL-2.0-or-later
// Loads a plugin as QEMU does, tells which version of QEMU's plugins it takes itself for, and is not QEMU: it exports
// nothing but, where it is built so, what tells the versions of QEMU apart.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

extern "C" {
#if COLO_STRANGER_LIKE >= 9
__attribute__((visibility("default"))) void bql_lock_impl(const char*, int) {}
#endif
#if COLO_STRANGER_LIKE >= 11
__attribute__((visibility("default"))) void qemu_plugin_set_pc(uint64_t) {}
#endif
}

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!plugin) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    if (const auto* version = static_cast<const int*>(dlsym(plugin, "qemu_plugin_version")))
        std::printf("plugin version %d\n", *version);
    using Install = int(uint64_t, const void*, int, char**);
    auto* install = reinterpret_cast<Install*>(dlsym(plugin, "qemu_plugin_install"));
    const bool has_argument = argc > 2 && argv[2][0] != 0;
    return install ? install(1, nullptr, has_argument ? 1 : 0, argv + 2) : 2;
}
