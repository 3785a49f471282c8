// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/private_folder.h"

#include <glib.h>
#include <unistd.h>

#include <stdexcept>

namespace colo {

PrivateFolder::PrivateFolder() {
    GError* error = nullptr;
    char* made = g_dir_make_tmp("colo-proxy-XXXXXX", &error);
    if (!made) {
        const std::string why = error->message;
        g_error_free(error);
        throw std::runtime_error("a folder for sockets: " + why);
    }
    path_ = made;
    g_free(made);
}

PrivateFolder::~PrivateFolder() { rmdir(path_.c_str()); }

}  // namespace colo
