# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU the tests run: the one on the path, or of COLO_PROXY_QEMU=fetch:DIRECTORY another, unpacked there."""
import os
import subprocess
import sys

SKIPPED = 77  # Meson's status
_FETCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "fetch-qemu")


def find_qemu():
    name = os.environ.get("COLO_PROXY_QEMU", "qemu-system-x86_64")
    if not name.startswith("fetch:"):
        return name
    folder = name.removeprefix("fetch:")
    fetched = subprocess.run([_FETCH, folder], capture_output=True, text=True, check=False)
    if fetched.returncode != 0:
        print("skipped: QEMU of bookworm-backports cannot be had:", fetched.stderr.strip()[-300:])
        sys.exit(SKIPPED)
    return os.path.join(folder, "qemu-system-x86_64")


QEMU = find_qemu()
