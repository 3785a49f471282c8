# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of this rig inside a namespace, and the line it talks on."""

import ctypes
import os
import signal
import socket
import sys
import traceback

import netns

PR_SET_PDEATHSIG = 1


class Context:
    """What an application knows of the rig."""

    def __init__(self, side, habit, family, line):
        self.side, self.habit, self.family = side, habit, family
        self._line = line.makefile("rw")

    def ask(self, question):
        self._line.write(question + "\n")
        self._line.flush()
        answer = self._line.readline()
        if not answer:
            os._exit(1)  # the rig has gone
        return answer.strip()

    def ready(self):
        """Returns when every application of the scenario is ready."""
        self.ask("ready")


class Worker:
    def __init__(self, name, namespace, application, make_context):
        self.name = name
        self.ready = self.done = False
        self.fault = None
        self._text = ""
        self.line, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._child(namespace, application, make_context, theirs)
        theirs.close()

    def _child(self, namespace, application, make_context, line):
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            netns.enter(namespace.descriptor)
            keep = line.fileno()
            os.closerange(3, keep)
            os.closerange(keep + 1, 4096)
            context = make_context(line)
            application(context)
            context.ask("done")
            status = 0
        except BaseException:
            trace = " / ".join(traceback.format_exc().split("\n"))
            line.sendall(f"fault {trace}\n".encode())
        finally:
            sys.stderr.flush()
            os._exit(status)

    def questions(self):
        """Whole lines that have come in."""
        data = self.line.recv(65536)
        if not data:
            self.fault = self.fault or "ended without a word"
        *lines, self._text = (self._text + data.decode()).split("\n")
        return lines

    def answer(self, text="ok"):
        self.line.sendall((text + "\n").encode())

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.line.close()
