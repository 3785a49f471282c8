// SPDX-License-Identifier: GPL-2.0-or-later
// Loads a plugin as QEMU does, and is not QEMU: it exports nothing.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!plugin) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    using Install = int(uint64_t, const void*, int, char**);
    auto* install = reinterpret_cast<Install*>(dlsym(plugin, "qemu_plugin_install"));
    const bool has_argument = argc > 2 && argv[2][0] != 0;
    return install ? install(1, nullptr, has_argument ? 1 : 0, argv + 2) : 2;
}
