#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu/ColoControl against stock QEMUs: makes the shim, and runs the program."""
import os
import subprocess

import lab


class Control(lab.LiveCase):
    def test_control(self):
        environment = {**os.environ, "TCG_SHIM": os.path.join(self.guest, "tcg_shim.so")}
        done = subprocess.run([os.environ["COLO_CONTROL_LIVE"]], env=environment, timeout=300, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    lab.main()
