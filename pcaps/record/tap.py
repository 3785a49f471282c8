# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig's end of a namespace's tap device."""

import fcntl
import os
import struct

TUNSETIFF = 0x400454CA
TUNSETOFFLOAD = 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4

DEVICE = "eth0"
HEADER = 10  # bytes of struct virtio_net_hdr
PLAIN = bytes(HEADER)
LONGEST = HEADER + 14 + 65536
BURST = 32  # frames a turn, so that no tap starves the others


class Tap:
    def __init__(self, namespace, offload):
        with namespace.inside():
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
            fcntl.ioctl(self.descriptor, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), flags))
            features = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 if offload else 0
            fcntl.ioctl(self.descriptor, TUNSETOFFLOAD, features)

    def burst(self):
        """What the device has sent: pairs of virtio header and frame."""
        for _ in range(BURST):
            try:
                data = os.read(self.descriptor, LONGEST)
            except BlockingIOError:
                return
            yield data[:HEADER], data[HEADER:]

    def write(self, frame, header=PLAIN):
        os.write(self.descriptor, header + frame)

    def close(self):
        os.close(self.descriptor)
