// SPDX-License-Identifier: GPL-2.0-or-later
// Both ends of a link over a transport that cuts, delays and dies, with users that do anything at any
// time. What must hold: bytes come in order, once, none after an abort; every stream has one status at
// either end; and where that is ok, the other end has had all bytes.
#pragma once

#include <string>

#include "tests/sim/link/link_end.h"

namespace colo::sim {

class LinkWorld {
  public:
    explicit LinkWorld(uint64_t seed) : random_(seed), dies_(seed % 3 == 0) {}

    LinkResult run();

  private:
    void step();
    void move();
    void arrive(std::string& wire, LinkEnd& end);
    void lose(LinkEnd& end);

    Random random_;
    Judge judge_;
    const bool dies_;
    LinkEnd a_{random_, judge_, true};
    LinkEnd b_{random_, judge_, false};
    std::string to_a_;
    std::string to_b_;
};

}  // namespace colo::sim
