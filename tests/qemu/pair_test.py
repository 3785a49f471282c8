# SPDX-License-Identifier: GPL-2.0-or-later
"""Filters with role=primary|secondary, in a QEMU without a guest: what they pass, say, and refuse."""
import json

from plugin_rig import Machine, PluginCase, QmpError, body, eventually, main
from metrics import scraped
from program import free_port, run
from qmp import Lines


def primary(more=""):
    return ["-device", "colo-proxy,id=c0,netdev=a,filter-id=colo0,role=primary,link=unix:link,monitor=own"
                       f",text-monitor=text{more}"]


def refusal(own):
    """Why it does not start, once QEMU has answered for itself."""
    def why():
        try:
            own("colo-proxy-start")
        except QmpError as error:
            return "" if "does not answer" in error.desc else error.desc
        raise AssertionError("it has started")
    return eventually(why, "it asks QEMU first")


class Roles(PluginCase):
    def test_an_unprotected_primary_passes_frames_both_ways(self):
        self.start(*primary())
        for i in range(100):
            self.a.send(body(i))
            self.b.send(body(1000 + i))
        self.check_arrived(self.b, [body(i) for i in range(100)])
        self.check_arrived(self.a, [body(1000 + i) for i in range(100)])
        self.assertEqual(self.own().status()["frames"]["passed"], 100)
        self.quit()

    def test_it_can_be_asked_how_it_is_and_be_set(self):
        self.start(*primary())
        get = lambda name: self.qmp.get("/objects/colo0", name)
        self.assertEqual((get("mode"), get("role"), get("peer"), get("epoch"), get("flows"), get("held-frames")),
                         ("idle", "primary", "none", 0, 0, 0))
        self.assertEqual(json.loads(get("checkpoints"))["divergence"], 0)
        self.assertEqual(set(json.loads(get("hold-us"))), {"p50", "p99", "max"})
        self.assertEqual(get("compare_timeout"), 250)
        self.qmp.set("/objects/colo0", "compare_timeout", 400)
        self.assertEqual(get("compare_timeout"), 400)
        self.assertEqual(self.own().get("/objects/colo0", "compare_timeout"), 400)
        with self.assertRaisesRegex(QmpError, "compare_timeout"):
            self.qmp.set("/objects/colo0", "compare_timeout", 0)
        self.assertIn("mode=idle", self.hmp("info network"))
        self.quit()

    def test_it_is_switched_off_and_on_under_traffic(self):
        self.start(*primary())
        sent = []
        for number in range(40):
            frames = [body(len(sent) + i, 64) for i in range(25)]
            sent += frames
            self.a.send(*frames)
            self.toggle("off" if number % 2 else "on", "colo0")
        self.check_arrived(self.b, sent)
        self.quit()

    def test_a_secondary_keeps_the_network_and_its_vm_apart(self):
        self.start("-device", "colo-proxy,id=c0,netdev=a,filter-id=colo0,role=secondary,link=unix:nobody,incoming=in,"
                              "monitor=own")
        self.a.send(body(1))
        self.b.send(body(2))
        with self.assertRaisesRegex(QmpError, "both VMs would be heard"):
            self.toggle("off", "colo0")
        self.assertEqual(self.qmp.get("/objects/colo0", "status"), "on")
        self.a.send(body(3))
        with self.assertRaisesRegex(QmpError, "start at the primary"):
            self.own()("colo-proxy-start")
        self.a.receive_some()
        self.b.receive_some()
        self.assertEqual((self.a.received, self.b.received), ([], []))
        self.quit()

    def test_metrics_are_served_while_frames_flow(self):
        self.start(*primary(",metrics=unix:metrics"))
        frames = [body(i) for i in range(200)]
        for first in range(0, 200, 20):
            self.a.send(*frames[first:first + 20])
            self.b.send(*frames[first:first + 20])
            self.assertLessEqual(self.scrape()["colo_proxy_frames_total", "passed"], first + 20)
        self.check_arrived(self.a, frames)
        self.check_arrived(self.b, frames)
        status = self.own().status()
        samples = self.scrape()
        self.assertEqual(status["frames"]["passed"], 200)
        for member in ("frames", "flows", "checkpoints"):
            family = "colo_proxy_" + member + ("" if member == "flows" else "_total")
            self.assertEqual({name: samples[family, name] for name in status[member]}, status[member])
        self.assertEqual(samples["colo_proxy_epoch", None], status["epoch"])
        self.assertEqual(samples["colo_proxy_mode", "idle"], 1)
        self.quit()

    def scrape(self):
        lines = Lines(self.path("metrics"))
        self.addCleanup(lines.close)
        return scraped(lines)

    def test_a_start_without_a_secondary_says_so(self):
        self.start(*primary())
        self.assertIn("no secondary at unix:link", refusal(self.own()))
        self.quit()

    def test_it_can_be_deleted_and_made_again(self):
        self.start(*primary())
        for i in range(3):
            self.a.send(body(i))
            self.qmp("object-del", id="colo0")
            self.qmp.set("/machine/peripheral/c0", "add", "primary,filter-id=colo0,netdev=a,link=unix:link")
        self.a.send(body(3))
        self.check_arrived(self.b, [body(i) for i in range(4)])
        self.quit()

    def test_no_plain_filter_has_the_vms_name(self):
        self.start("-device", "colo-proxy,id=c0,monitor=own")
        add = lambda value: self.qmp.set("/machine/peripheral/c0", "add", value)
        pair, plain = "primary,filter-id=p0,netdev=a,link=unix:link", "dump,filter-id=colo0,netdev=b,file=dump"
        for first, name, second in ((plain, "colo0", pair), (pair, "p0", plain)):
            add(first)
            with self.assertRaisesRegex(QmpError, "'colo0': id: is taken"):
                add(second)
            self.qmp("object-del", id=name)
        add(pair)
        self.assertEqual([entry["name"] for entry in self.own()("qom-list", path="/objects")], ["colo0"])
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.quit()

    def test_several_nics_are_one_vm(self):
        self.start(*primary())
        self.qmp.set("/machine/peripheral/c0", "add", "primary,filter-id=colo1,netdev=b")
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.assertEqual(self.qmp.get("/objects/colo1", "mode"), "idle")
        self.qmp("object-del", id="colo0")
        self.a.send(body(2))
        self.check_arrived(self.b, [body(1), body(2)])
        self.qmp("object-del", id="colo1")
        self.a.send(body(3))
        self.check_arrived(self.b, [body(i) for i in (1, 2, 3)])
        with self.assertRaisesRegex(QmpError, "colo-proxy-start"):
            self.own()("colo-proxy-start")
        self.quit()

    def test_a_nic_can_be_put_back_while_nothing_is_protected(self):
        for role, more in (("primary", ""), ("secondary", ",incoming=in")):
            with self.subTest(role):
                self.doCleanups()
                self.setUp()
                self.start("-device", f"colo-proxy,id=c0,netdev=a,filter-id=colo0,role={role},link=unix:link,monitor=own{more}")
                add = lambda name, netdev: self.qmp.set("/machine/peripheral/c0", "add", f"{role},filter-id={name},netdev={netdev}")
                add("colo1", "b")
                for name, netdev in (("colo0", "a"), ("colo1", "b"), ("colo0", "a")):
                    self.qmp("object-del", id=name)
                    add(name, netdev)
                self.b.send(body(1))
                if role == "primary":
                    self.check_arrived(self.a, [body(1)])
                    self.assertIn("no secondary at unix:link", refusal(self.own()))
                self.quit()

    def test_mistakes_are_told(self):
        self.start("-device", "colo-proxy,id=c0")
        for wrong, words in (("primary,filter-id=f,netdev=a", "link: is missing"),
                             ("primary,filter-id=f,netdev=a,link=h:1", "a TCP link without tls-creds"),
                             ("primary,filter-id=f,netdev=a,link=unix:l,queue=rx", "queue: must be all"),
                             ("secondary,filter-id=f,netdev=a,link=unix:l,status=off", "status: must be on"),
                             ("primary,filter-id=f,netdev=a,link=unix:l,failover=never", "none of manual, auto"),
                             ("primary,filter-id=f,netdev=a,link=unix:l,set=speed=1", "no such setting"),
                             ("primary,filter-id=f,netdev=a,link=unix:l,outdev=x", "unknown option 'outdev'")):
            with self.subTest(wrong):
                with self.assertRaises(QmpError) as error:
                    self.qmp.set("/machine/peripheral/c0", "add", wrong)
                self.assertIn(words, str(error.exception))
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.quit()


class Links(PluginCase):
    """A link over TCP between two plugins, within TLS."""

    def certificates(self, name, primary="127.0.0.1"):
        made = run(["certs", self.path(name), "--primary", primary, "--secondary", "second.example"])
        self.assertEqual((made.status, made.stderr), (0, ""))
        return name

    def both(self, primarys, secondarys, more=""):
        """`primarys`, `secondarys`: where their certificates are. `more`: options of the primary."""
        self.link = f"127.0.0.1:{free_port()}"
        self.other = Machine(self, "other")
        for machine, role, options in ((self.machine, "primary", f"tls-creds={primarys}/primary{more}"),
                                       (self.other, "secondary", f"tls-creds={secondarys}/secondary")):
            with open(self.path(role), "wb") as log:
                machine.start("-device", f"colo-proxy,id=c0,netdev=a,filter-id=colo0,role={role},link={self.link},"
                                         f"monitor=own-{role},{options}", stderr=log)

    def said(self, role):
        with open(self.path(role)) as log:
            return log.read()

    def peers(self):
        return [machine.qmp.get("/objects/colo0", "peer") for machine in (self.machine, self.other)]

    def test_it_is_up_between_certificates_of_one_authority(self):
        self.both(*[self.certificates("pki")] * 2)
        eventually(lambda: self.peers() == ["connected"] * 2, "they are a pair")
        self.other.quit()
        self.machine.quit()

    def test_a_wrong_peer_is_refused_with_a_reason_that_names_it(self):
        invalid = "the certificate of 'CN={}' is not valid"
        other_host = "the certificate of 'CN=first.example' is not one for '127.0.0.1'"
        not_allowed = "'CN=second.example' is not in the list of names allowed"
        for primarys, secondarys, more, at_primary, at_secondary in (
                ("ours", "theirs", "", invalid.format("second.example"), invalid.format("127.0.0.1")),
                ("elsewhere", "elsewhere", "", other_host, other_host),
                ("ours", "ours", ",tls-allow=CN=third*", not_allowed, not_allowed)):
            with self.subTest(at_primary):
                self.doCleanups()
                self.setUp()
                for name in {primarys, secondarys}:
                    self.certificates(name, "first.example" if name == "elsewhere" else "127.0.0.1")
                self.both(primarys, secondarys, more)
                self.check_refused(at_primary, at_secondary)
                self.other.quit()
                self.machine.quit()

    def check_refused(self, at_primary, at_secondary):
        eventually(lambda: at_primary in self.said("primary"), f"the primary says {at_primary}")
        eventually(lambda: at_secondary in self.said("secondary"), f"the secondary says {at_secondary}")
        self.assertEqual(self.peers(), ["none", "none"])
        why = refusal(self.own("own-primary"))
        self.assertIn(f"no secondary at tcp:{self.link}: ", why)
        self.assertIn(at_primary, why)


if __name__ == "__main__":
    main()
