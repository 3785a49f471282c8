# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU can load the plugin, and what it says where one cannot."""
import os
import subprocess
import unittest

from plugin_rig import PLUGIN, QEMU, PluginCase, main

# Programs that load plugins and export nothing but what tells the versions of QEMU apart: its number follows.
STRANGERS = os.environ.get("COLO_PROXY_STRANGERS", "")


class Load(PluginCase):
    def run_qemu(self, *arguments):
        return subprocess.run([QEMU, "-machine", "none", "-nodefaults", "-display", "none", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_a_check_says_that_it_can_be_loaded(self):
        outcome = self.run_qemu("-plugin", PLUGIN + ",check=on")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertIn("this QEMU can load it", outcome.stdout)

    def test_an_argument_that_is_none_is_named(self):
        outcome = self.run_qemu("-plugin", PLUGIN + ",colour=red")
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("'colour=red'", outcome.stderr)

    def test_a_device_without_a_filter_is_no_mistake(self):
        self.start("-device", "colo-proxy,id=c0")
        self.quit()

    def test_mistakes_at_start_end_qemu_with_a_sentence(self):
        for device, words in (("netdev=a,role=mirror", "filter-id: is missing"),
                              ("netdev=a,filter-id=f0", "role: '' is none of primary, secondary, mirror"),
                              ("netdev=a,filter-id=f0,role=mirror,outdev=nobody", "no chardev 'nobody'")):
            with self.subTest(device):
                outcome = self.run_qemu("-netdev", "user,id=a", "-plugin", PLUGIN, "-device", "colo-proxy," + device)
                self.assertEqual(outcome.returncode, 1)
                self.assertIn(words, outcome.stderr)

    def test_no_command_is_started_where_that_would_be_qemus_end(self):
        outcome = self.run_qemu("-sandbox", "on,spawn=deny", "-netdev", "user,id=a", "-plugin", PLUGIN, "-device",
                                "colo-proxy,netdev=a,filter-id=f0,role=primary,link=unix:link,fence=true")
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("fence: QEMU was started with -sandbox spawn=deny", outcome.stderr)

    @unittest.skipUnless(STRANGERS, "COLO_PROXY_STRANGERS names no programs")
    def test_the_version_lies_in_the_window_of_each_qemu(self):
        for qemu, version in (("7", 1), ("9", 2), ("11", 7)):
            with self.subTest(qemu):
                self.assertIn(f"plugin version {version}\n", self.tried_by(qemu).stdout)

    @unittest.skipUnless(STRANGERS, "COLO_PROXY_STRANGERS names no programs")
    def test_a_program_that_exports_nothing_is_refused_with_what_is_missing(self):
        for argument in ("", "check=on"):
            outcome = self.tried_by("7", argument)
            self.assertEqual(outcome.returncode, 1)
            self.assertIn("--enable-modules", outcome.stderr)
            self.assertIn("object_class_by_name", outcome.stderr)

    def tried_by(self, qemu, argument=""):
        return subprocess.run([STRANGERS + qemu, PLUGIN, argument], capture_output=True, text=True, timeout=60, check=False)


if __name__ == "__main__":
    main()
