// SPDX-License-Identifier: GPL-2.0-or-later
// A folder for sockets that are nobody else's business; empty by the time it goes.
#pragma once

#include <string>

namespace colo {

class PrivateFolder {
  public:
    /// Throws std::runtime_error.
    PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder();

    std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace colo
