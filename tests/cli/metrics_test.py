# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""What a store tells about itself while it works: metrics, health, stats."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

import remote_test
from support import FAILED, FINE, LARDER, TIMEOUT, USAGE, LarderTest

# Whatever proxy the environment names, the server is on this machine.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "metrics.md"


class Table(LarderTest):

    def test_the_page_has_the_table_of_the_code(self):
        table = self.larder("stats", "--describe")
        self.assertIn("| `larder_operations_total` | counter |", table)
        self.assertIn("\n" + table + "\n\n", PAGE.read_text(),
                      "run scripts/write-metrics")


class ServedTest(remote_test.RemoteTest):
    """A store that is served, with metrics if asked for."""

    def start(self, *args):
        self.server, port = self.serve("--plain-text", *args)
        self.remote = f"caf://127.0.0.1:{port}?plain-text=yes"

    def there(self, *args, **options):
        return self.larder(*args, store=self.remote, **options)


class Http(ServedTest):

    def setUp(self):
        super().setUp()
        self.start("--metrics-port", "0")
        self.server.stderr.readline()
        line = self.server.stderr.readline().decode()
        found = re.fullmatch(
            r"larder: metrics on (http://127\.0\.0\.1:(\d+))/metrics\n", line)
        self.assertTrue(found, line)
        self.address, self.port = found[1], found[2]

    def fetch(self, path):
        """Returns status, content type and text."""
        try:
            with DIRECTLY.open(self.address + path,
                               timeout=TIMEOUT) as answer:
                return (answer.status, answer.headers["Content-Type"],
                        answer.read().decode())
        except urllib.error.HTTPError as answer:
            with answer:
                return (answer.code, answer.headers["Content-Type"],
                        answer.read().decode())

    def metrics(self):
        """Scrapes and returns the samples by name and labels."""
        status, kind, text = self.fetch("/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        return {
            name: float(number) for name, number in
            re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
        }

    def test_metrics_move_with_what_is_done(self):
        before = self.metrics()
        self.assertEqual(before["larder_up"], 1)
        self.assertEqual(before['larder_operations_total{operation="put"}'], 0)
        for i in range(3):
            self.there("put", f"k{i}", "1")
        self.there("get", "none", "--default", "0")
        after = self.metrics()
        self.assertEqual(after['larder_operations_total{operation="put"}'], 3)
        self.assertEqual(after['larder_operations_total{operation="get"}'], 1)
        self.assertEqual(after["larder_commits_total"], 3)
        self.assertEqual(
            after['larder_operation_duration_seconds_count{operation="put"}'],
            3)
        self.assertGreater(after["larder_commit_duration_seconds_sum"], 0)
        self.assertGreater(after["larder_engine_syncs_total"], 0)
        self.assertGreater(after["larder_engine_free_bytes"], 0)

    def test_the_text_says_what_each_metric_is(self):
        text = self.fetch("/metrics")[2]
        names = re.findall(r"(?m)^\| `(\w+)` \| (\w+) ", PAGE.read_text())
        self.assertGreater(len(names), 20)
        for name, kind in names:
            with self.subTest(name):
                self.assertRegex(text, rf"(?m)^# HELP {name} \S")
                self.assertIn(f"# TYPE {name} {kind}\n", text)
        buckets = re.findall(
            r'(?m)^larder_commit_size_bucket\{le="([^"]+)"\} (\d+)$', text)
        self.assertEqual(buckets[-1][0], "+Inf")
        counts = [int(count) for _, count in buckets]
        self.assertEqual(counts, sorted(counts))

    def test_health_is_good_until_the_engine_fails(self):
        self.there("put", "k", "1")
        status, kind, text = self.fetch("/healthz")
        self.assertEqual((status, kind), (200, "application/json"))
        self.assertEqual(json.loads(text), {"status": "ok"})
        shutil.rmtree(self.folder / "store")
        (self.folder / "store").write_text("no folder any more")
        status, kind, text = self.fetch("/healthz")
        self.assertEqual((status, kind), (503, "application/json"))
        self.assertEqual(json.loads(text),
                         {"status": "failing", "error": "io_error"})
        self.assertEqual(self.metrics()["larder_up"], 1)

    def test_there_is_nothing_else_to_see(self):
        for path in ("/", "/metric", "/metrics/more", "/healthz/../keys"):
            self.assertEqual(self.fetch(path)[0], 404, path)

    def test_a_port_that_is_taken_is_told_and_nothing_is_served(self):
        message = self.fails(FAILED, "serve", "--port", "0", "--plain-text",
                             "--metrics-port", self.port, store="file:other")
        self.assertIn(f"port {self.port} ", message)
        self.assertIn("metrics", message)

    def test_an_idle_connection_does_not_keep_the_server_from_ending(self):
        with socket.create_connection(("127.0.0.1", int(self.port))):
            self.server.send_signal(signal.SIGTERM)
            self.assertEqual(self.server.wait(timeout=TIMEOUT), FINE)


class Options(LarderTest):

    def test_wrong_options_are_refused(self):
        serve = ("serve", "--port", "0", "--plain-text")
        self.fails(USAGE, *serve, "--metrics-port", "x")
        self.fails(USAGE, *serve, "--metrics-port", "65536")
        self.fails(USAGE, *serve, "--metrics-bind", "127.0.0.1")
        self.fails(FAILED, *serve, "--metrics-port", "0", "--metrics-bind",
                   "203.0.113.1")


class Watch(ServedTest):

    def setUp(self):
        super().setUp()
        self.start()

    def test_a_line_per_look_when_nobody_looks(self):
        text = self.there("stats", "--watch", "10ms", "--count", "3")
        lines = text.split("\n")
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertRegex(line, r"^seconds=\d+\.\d( \S+=\S.*)?$")

    def test_an_object_per_look_with_json(self):
        text = self.there("--json", "stats", "--watch", "10ms", "--count", "2")
        for line in text.split("\n"):
            found = json.loads(line)
            self.assertGreater(found["seconds"], 0)
            self.assertIn("put", found["larder_operations_total"])
            self.assertEqual(
                set(found["larder_commit_duration_seconds"]),
                {"rate", "p50", "p99"})

    def watch(self, **options):
        process = subprocess.Popen(
            [LARDER, "--store", self.remote, "--json", "stats", "--watch",
             "50ms"], cwd=self.folder, stderr=subprocess.PIPE, **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_rates_are_of_the_time_in_between(self):
        self.there("put", "before", "1")
        process = self.watch(stdout=subprocess.PIPE)
        with process.stdout:
            process.stdout.readline()
            self.there("put", "k", "1")
            seen = 0
            while seen < 0.99:
                found = json.loads(process.stdout.readline())
                rate = found["larder_operations_total"]["put"]
                seen += rate * found["seconds"]
            self.assertAlmostEqual(seen, 1)
            found = json.loads(process.stdout.readline())
            self.assertEqual(found["larder_operations_total"]["put"], 0)

    def test_an_interrupt_ends_it_in_good_order(self):
        process = self.watch(stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, message), (FINE, b""))

    def test_a_terminal_shows_a_page_that_is_drawn_again(self):
        self.there("put", "k", "1")
        own, theirs = pty.openpty()
        self.addCleanup(os.close, own)
        process = subprocess.Popen(
            [LARDER, "--store", self.remote, "stats", "--watch", "10ms",
             "--count", "2"], stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(own, 4096):
                text += chunk
        except OSError:
            pass  # the other side is closed
        self.assertEqual(process.wait(timeout=TIMEOUT), FINE)
        self.assertEqual(text.count(b"\x1b[H\x1b[2J"), 2)
        self.assertIn(b"per second", text)
        self.assertIn(b"cache_bytes", text)

    def test_a_server_that_ends_ends_the_watching(self):
        process = self.watch(stdout=subprocess.PIPE)
        process.stdout.readline()
        self.stop(self.server)
        # Reads on: a process with a full pipe would wait for ever.
        _, message = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, FAILED)
        self.assert_message(message.decode())

    def test_wrong_usage_is_told(self):
        for args in (("5",), ("--count", "3"), ("--watch", "0"),
                     ("--watch", "soon"), ("--watch", "--count", "x"),
                     ("--watch", "--count", "0")):
            with self.subTest(args):
                self.fails(USAGE, "stats", *args, store=self.remote)
        self.assertIn("serve", self.fails(USAGE, "stats", "--watch"))


if __name__ == "__main__":
    unittest.main()
