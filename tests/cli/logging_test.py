# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""The log of a server."""

import json
import unittest

import remote_test
from support import FAILED, FINE, TIMEOUT, USAGE


class Log(remote_test.RemoteTest):

    def log(self, *args, work):
        """Serves with a log, does some work, and returns the log's lines."""
        server, port = self.serve("--plain-text", "--log-file", "log", *args)
        remote = f"caf://127.0.0.1:{port}?plain-text=yes"
        work(lambda *words, **more: self.larder(*words, store=remote, **more))
        server.terminate()
        self.assertEqual(server.wait(timeout=TIMEOUT), FINE)
        return (self.folder / "log").read_text().splitlines()

    def test_a_server_logs_its_life_and_its_clients(self):
        lines = self.log("--log-format", "json",
                         work=lambda there: there("put", "k", "1"))
        events = [json.loads(line) for line in lines]
        names = [event["event"] for event in events]
        for name in ("opened", "serving", "client-connected", "stopped",
                     "closed"):
            self.assertEqual(names.count(name), 1, lines)
        self.assertLess(names.index("opened"), names.index("serving"))
        self.assertLess(names.index("serving"), names.index("stopped"))
        opened = events[names.index("opened")]
        self.assertTrue(opened["store"].endswith("store"), opened)
        self.assertEqual(opened["level"], "info")
        self.assertEqual(opened["serializer"], "cbor")

    def test_damage_is_told_with_or_without_the_key(self):
        self.larder("put", "secret", "1")
        self.flip(self.blob("secret"), -1)
        for options, shown in (([], False), (["--log-keys"], True)):
            with self.subTest(options):
                (self.folder / "log").unlink(missing_ok=True)
                server, port = self.serve("--plain-text", "--log-file", "log",
                                          *options)
                remote = f"caf://127.0.0.1:{port}?plain-text=yes"
                for _ in range(2):
                    self.fails(FAILED, "get", "secret", store=remote)
                server.terminate()
                server.wait(timeout=TIMEOUT)
                lines = (self.folder / "log").read_text().splitlines()
                damaged = [line for line in lines if " damaged " in line]
                self.assertEqual(len(damaged), 2, lines)
                self.assertIn('error="corruption"', damaged[0])
                self.assertEqual("secret" in damaged[0], shown)
                keys = {line.split("key=")[1].split(" ")[0]
                        for line in damaged}
                self.assertEqual(len(keys), 1, keys)

    def test_without_options_nothing_is_logged(self):
        server, _ = self.serve("--plain-text")
        self.stop(server)

    def test_wrong_options_are_refused(self):
        serve = ("serve", "--port", "0", "--plain-text")
        self.fails(USAGE, *serve, "--log-level", "loud")
        self.fails(USAGE, *serve, "--log-format", "xml")
        self.fails(USAGE, *serve, "--slow-ms", "-1")
        self.fails(FAILED, *serve, "--log-file", "/proc/no/log")


if __name__ == "__main__":
    unittest.main()
