# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of the two ends, and the set-up of a namespace that has one of them."""

import socket

from netns import Namespace
from tap import DEVICE, Tap

GUEST_MAC, CLIENT_MAC = "52:54:00:77:00:02", "52:54:00:77:00:01"
GUEST = {socket.AF_INET: "10.77.0.2", socket.AF_INET6: "fd77::2"}
CLIENT = {socket.AF_INET: "10.77.0.1", socket.AF_INET6: "fd77::1"}
NET = {socket.AF_INET: "10.77.0.0/24", socket.AF_INET6: "fd77::/64"}
QUEUE = "10000"  # frames the tap keeps while the rig is busy
ADVERTISED = {socket.AF_INET: "1460", socket.AF_INET6: "1440"}  # the MSS that a SYN tells, whatever the route's mtu


class Place:
    def __init__(self, mac, addresses, family, habit, offload):
        self._addresses, self._family, self._habit = addresses, family, habit
        self.namespace = Namespace()
        self.tap = Tap(self.namespace, offload)
        self._kernel()
        self.namespace.ip("link", "set", "lo", "up")
        self.namespace.ip("link", "set", DEVICE, "address", mac, "txqueuelen", QUEUE,
                          "gso_max_size", str(habit.burst))

    def _kernel(self):
        self.namespace.sysctl("net/ipv4/tcp_timestamps", self._habit.timestamps)
        if self._habit.buffer is not None:
            self.namespace.sysctl("net/ipv4/tcp_rmem", f"4096 131072 {self._habit.buffer}")
        if self._family == socket.AF_INET:
            self.namespace.sysctl(f"net/ipv6/conf/{DEVICE}/disable_ipv6", 1)

    def up(self):
        """From here on the kernel speaks by itself: neighbour discovery, multicast listeners, routers."""
        self.namespace.ip("link", "set", DEVICE, "up")
        version = "-6" if self._family == socket.AF_INET6 else "-4"
        length = NET[self._family].split("/")[1]
        self.namespace.ip(version, "address", "add", f"{self._addresses[self._family]}/{length}",
                          "dev", DEVICE, "noprefixroute")
        self.namespace.ip(version, "route", "add", NET[self._family], "dev", DEVICE,
                          "mtu", str(self._habit.mtu), "advmss", ADVERTISED[self._family])

    def close(self):
        self.tap.close()
        self.namespace.close()
