# SPDX-License-Identifier: GPL-2.0-or-later
"""Importing it makes the modules of pcaps/record importable: namespaces, taps, impaired paths."""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "pcaps", "record"))
