# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the modules are that the live tests share with tests/e2e and with the recordings."""
import os
import sys

_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
for _folder in ("tests/e2e", "pcaps/record"):
    sys.path.insert(0, os.path.join(_ROOT, _folder))
