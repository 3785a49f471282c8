# SPDX-License-Identifier: GPL-2.0-or-later
"""In what P and S differ although they say the same bytes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Habit:
    write: int  # bytes the application hands to the kernel at a time
    read: int  # bytes it takes at a time
    nodelay: bool
    congestion: str
    timestamps: int  # net.ipv4.tcp_timestamps
    mtu: int = 1500  # of the route: cuts segments and fragments, not the MSS a SYN tells
    burst: int = 65536  # gso_max_size of the device
    buffer: int | None = None  # most bytes of a receive buffer; None: the kernel's

    def describe(self):
        return (f"writes of {self.write} B, reads of {self.read} B, TCP_NODELAY {'on' if self.nodelay else 'off'}, "
                f"{self.congestion}, tcp_timestamps {self.timestamps}, route mtu {self.mtu}, gso_max_size {self.burst}")


PRIMARY = Habit(write=16384, read=65536, nodelay=False, congestion="cubic", timestamps=1)
# tcp_timestamps 2 leaves out the random offset: both namespaces share the kernel's secret, and TSvals would be equal.
SECONDARY = Habit(write=3000, read=4096, nodelay=True, congestion="reno", timestamps=2, mtu=1400, burst=20000)
# S is told of no loss that it could have had: only the client's window keeps it from running far ahead of P.
CLIENT = Habit(write=65536, read=65536, nodelay=True, congestion="cubic", timestamps=1, buffer=400_000)
