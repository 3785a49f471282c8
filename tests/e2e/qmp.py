# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of a QMP monitor. Shares no code with the program."""
import json
import os
import socket
import time

# Seconds; longer is a hang, sanitizers and a busy machine included.
PATIENCE = float(os.environ.get("COLO_PROXY_PATIENCE", "60"))


def eventually(look, what):
    """What `look` says as soon as it says something; what never comes is a failure."""
    end = time.monotonic() + PATIENCE
    while True:
        said = look()
        if said:
            return said
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.002)


def connected(sock, path):
    """The socket, connected. A file that is there may be bound and not listened at yet."""
    def accepts():
        try:
            sock.connect(path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    eventually(accepts, f"somebody listens at {path}")
    return sock


class QmpError(Exception):
    def __init__(self, error):
        super().__init__(error["desc"])
        self.kind, self.desc = error["class"], error["desc"]


class Lines:
    """A socket that talks in lines."""

    def __init__(self, path):
        self.socket = connected(socket.socket(socket.AF_UNIX), path)
        self.socket.settimeout(PATIENCE)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def read(self, end=b"\n"):
        """Up to and with `end`; what there was before the other side closed."""
        while end not in self.rest:
            data = self.socket.recv(1 << 16)
            if not data:
                line, self.rest = self.rest, b""
                return line
            self.rest += data
        line, _, self.rest = self.rest.partition(end)
        return line + end

    def read_all(self):
        data = self.rest
        while piece := self.socket.recv(1 << 16):
            data += piece
        return data

    def end_of_requests(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()


class Qmp:
    """Past its greeting; `events` are those that have come and nobody has asked for."""

    def __init__(self, path, negotiate=True):
        self.lines = Lines(path)
        self.events = []
        self.greeting = self.message()
        if negotiate:
            self("qmp_capabilities")

    def message(self):
        line = self.lines.read()
        if not line:
            raise EOFError("the monitor has gone")
        return json.loads(line)

    def response(self):
        while "event" in (message := self.message()):
            self.events.append(message)
        return message

    def request(self, request):
        """`request`: bytes, or what becomes JSON. The whole response."""
        data = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        self.lines.send(data)
        return self.response()

    def __call__(self, command, arguments=None, **more):
        request = {"execute": command}
        arguments = {**(arguments or {}), **more}
        if arguments:
            request["arguments"] = arguments
        response = self.request(request)
        if "error" in response:
            raise QmpError(response["error"])
        return response["return"]

    def event(self, name):
        """The data of the next such event."""
        for i, event in enumerate(self.events):
            if event["event"] == name:
                return self.events.pop(i)["data"]
        while (event := self.message()).get("event") != name:
            self.events.append(event)
        return event["data"]

    def events_so_far(self, name):
        """All such events that precede an answer given now."""
        self("query-version")
        return [event["data"] for event in self.events if event["event"] == name]

    def get(self, path, name):
        return self("qom-get", path=path, property=name)

    def set(self, path, name, value):
        self("qom-set", path=path, property=name, value=value)

    def status(self):
        return self("query-colo-proxy")

    def close(self):
        self.lines.close()
