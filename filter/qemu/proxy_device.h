// SPDX-License-Identifier: GPL-2.0-or-later
// `-device colo-proxy`: how filters of ours are made, as QEMU's -object takes none but its own. The device has no
// bus and no guest sees it; it stays as the place where more can be made at run time:
//
//   -device colo-proxy,id=c0,netdev=hn0,filter-id=f0,role=mirror,outdev=m0,chardev=socket,,id=m0,,path=m.sock
//   qom-set /machine/peripheral/c0 add "role=mirror,filter-id=f1,netdev=hn1,outdev=m0"
#pragma once

namespace colo {

/// Once.
void register_proxy_device();

}  // namespace colo
