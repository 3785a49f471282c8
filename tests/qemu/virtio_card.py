# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtio-net card without a guest: the test is its driver, by QEMU's qtest protocol. The VM's processor halts in the
first instruction of its firmware. A legacy card on PCI (VIRTIO 1.2, 4.1.4.8): numbers are little-endian."""
import socket
import struct

from qmp import PATIENCE, connected, eventually

CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MRG_RXBUF = (1 << bit for bit in (0, 1, 7, 8, 11, 12, 15))
OFFLOADS = CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6
SLOT = 4
PORT = 0xC000  # where its registers are put
FEATURES, QUEUE_PAGE, QUEUE_SIZE, QUEUE, NOTIFY, STATUS = 4, 8, 12, 14, 16, 18
RECEIVES, TRANSMITS = 0, 1
RINGS, BUFFERS = (0x100000, 0x110000), (0x200000, 0x600000)  # by queue
BUFFER = 0x12000  # a frame of 64 KiB and its header
BUFFERS_USED = 32
WRITABLE = 2

FIRMWARE = b"\xf4" * 0xFFF0 + b"\xfa\xf4\xeb\xfd" + b"\xf4" * 12  # at the reset vector: cli; hlt; again


class Qtest:
    def __init__(self, path):
        self.socket = connected(socket.socket(socket.AF_UNIX), path)
        self.socket.settimeout(PATIENCE)
        self.lines = self.socket.makefile("rwb")

    def __call__(self, *words):
        self.lines.write(" ".join(str(word) for word in words).encode() + b"\n")
        self.lines.flush()
        ok, *answer = self.lines.readline().decode().split() or ["closed"]
        assert ok == "OK", (words, ok, answer)
        return answer[0] if answer else None

    def write(self, address, data):
        self("write", address, len(data), "0x" + data.hex())

    def read(self, address, size):
        return bytes.fromhex(self("read", address, size)[2:])

    def number(self, address, size=2):
        return int.from_bytes(self.read(address, size), "little")

    def close(self):
        self.lines.close()
        self.socket.close()


class Ring:
    """A virtqueue whose descriptors are whole buffers, each in its turn."""

    def __init__(self, qtest, number, size):
        self.qtest, self.number, self.size = qtest, number, size
        self.base, self.buffers = RINGS[number], BUFFERS[number]
        self.available = self.base + 16 * size
        self.used = (self.available + 4 + 2 * size + 2 + 4095) // 4096 * 4096
        self.given = self.taken = 0

    def begin(self):
        self.qtest.write(self.base, bytes(self.used + 4096 - self.base))

    def buffer(self, index):
        return self.buffers + index % BUFFERS_USED * BUFFER

    def give(self, length, flags=0):
        """The next buffer to the card."""
        index = self.given % BUFFERS_USED
        self.qtest.write(self.base + 16 * index, struct.pack("<QIHH", self.buffer(index), length, flags, 0))
        self.qtest.write(self.available + 4 + 2 * (self.given % self.size), struct.pack("<H", index))
        self.given += 1
        self.qtest.write(self.available + 2, struct.pack("<H", self.given & 0xFFFF))
        self.qtest("outw", PORT + NOTIFY, self.number)

    def is_done(self):
        """Whether the card has used another buffer."""
        return self.qtest.number(self.used + 2) != self.taken & 0xFFFF

    def take(self):
        eventually(self.is_done, "the card has used a buffer")
        index, length = struct.unpack("<II", self.qtest.read(self.used + 4 + 8 * (self.taken % self.size), 8))
        self.taken += 1
        return index, length


class Card:
    def __init__(self, path):
        self.qtest = Qtest(path)
        self.rings, self.header = [], 0

    @staticmethod
    def arguments(netdev, qtest, firmware):
        return ["-bios", firmware, "-device", f"virtio-net-pci,id=nic,netdev={netdev},addr={SLOT},disable-modern=on,romfile=",
                "-qtest", f"unix:{qtest},server=on,wait=off", "-qtest-log", "/dev/null"]

    def start(self, features):
        """As a guest's driver does: it decides how long headers are."""
        self.configure(0x10, PORT)  # its registers
        self.configure(0x04, 5)     # which it answers at; and it reads memory
        for status in (0, 1, 3):
            self.qtest("outb", PORT + STATUS, status)
        offered = int(self.qtest("inl", PORT), 16)
        assert offered & features == features, f"offered: {offered:#x}"
        self.qtest("outl", PORT + FEATURES, features)
        self.header = 12 if features & MRG_RXBUF else 10
        self.rings = [self.make_ring(number) for number in (RECEIVES, TRANSMITS)]
        self.qtest("outb", PORT + STATUS, 7)
        for _ in range(BUFFERS_USED):
            self.rings[RECEIVES].give(BUFFER, WRITABLE)
        return self

    def configure(self, register, value):
        self.qtest("outl", 0xCF8, 1 << 31 | SLOT << 11 | register)
        self.qtest("outl", 0xCFC, value)

    def make_ring(self, number):
        self.qtest("outw", PORT + QUEUE, number)
        ring = Ring(self.qtest, number, int(self.qtest("inw", PORT + QUEUE_SIZE), 16))
        ring.begin()
        self.qtest("outl", PORT + QUEUE_PAGE, ring.base >> 12)
        return ring

    def twin(self, path):
        """The same card of a VM that is a copy of this one's."""
        twin = Card(path)
        twin.header = self.header
        for ring in self.rings:
            twin.rings.append(Ring(twin.qtest, ring.number, ring.size))
            twin.rings[-1].given, twin.rings[-1].taken = ring.given, ring.taken
        return twin

    def send(self, header, frame):
        """`header`: of ten bytes, as far as a legacy card needs it."""
        ring = self.rings[TRANSMITS]
        data = header.ljust(self.header, b"\0") + frame
        self.qtest.write(ring.buffer(ring.given), data)
        ring.give(len(data))
        ring.take()

    def receive(self):
        """The next frame, and its header's first ten bytes."""
        ring = self.rings[RECEIVES]
        index, length = ring.take()
        data = self.qtest.read(ring.buffer(index), length)
        ring.give(BUFFER, WRITABLE)
        return data[:10], data[self.header:]

    def close(self):
        self.qtest.close()
