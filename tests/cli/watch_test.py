# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""watch."""

import json
import signal
import subprocess
import unittest

from remote_test import RemoteTest
from support import FINE, LARDER, TIMEOUT, USAGE


class Watch(RemoteTest):

    def setUp(self):
        super().setUp()
        self.server, self.port = self.serve("--plain-text")
        self.remote = f"caf://127.0.0.1:{self.port}?plain-text=yes"

    def there(self, *args, **options):
        return self.larder(*args, store=self.remote, **options)

    def watch(self, *args):
        """Starts to watch and returns when the watch has begun."""
        process = subprocess.Popen(
            [LARDER, "--store", self.remote, "watch", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
            text=True)
        self.addCleanup(self.end, process)
        self.assertIn("larder: watching caf://", process.stderr.readline())
        return process

    def events(self, process):
        """Waits until a watch ends by itself and returns what it printed."""
        out, messages = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, messages), (FINE, ""))
        return out.splitlines()

    def test_each_change_is_a_line_that_comes_at_once(self):
        process = self.watch()
        revision = self.there("put", "a", "1")
        # The process runs on, and yet the line is there.
        self.assertRegex(
            process.stdout.readline(),
            rf'^\{{:key "a", :kind :put, :revision "{revision}", '
            r':stamp #inst "[^"]+"\}\n$')
        self.there("update", "a", "--fn", "inc")
        self.assertIn(":kind :update", process.stdout.readline())
        self.there("write", "b", "-", stdin="bytes")
        self.assertIn('{:key "b", :kind :write', process.stdout.readline())
        self.there("append", "l", "1", "2")
        self.assertIn('{:key "l", :kind :append', process.stdout.readline())
        self.there("truncate", "l", "1")
        self.assertIn(":kind :truncate", process.stdout.readline())
        self.there("erase", "a")
        self.assertIn('{:key "a", :kind :erase', process.stdout.readline())

    def test_it_ends_after_so_many_events(self):
        process = self.watch("--count", "2")
        for n in "123":
            self.there("put", "k", n)
        self.assertEqual(len(self.events(process)), 2)

    def test_large_batches_are_seen(self):
        process = self.watch("--count", "3000")
        pairs = [x for i in range(3000) for x in (f"k{i}", "1")]
        self.there("mput", *pairs)
        events = self.events(process)
        self.assertEqual(len(events), 3000)
        self.assertFalse([x for x in events if ":resync" in x])

    def test_it_ends_in_good_order_when_it_is_told_to(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            process = self.watch()
            process.send_signal(number)
            self.assertEqual(self.events(process), [])

    def test_only_what_is_asked_for_is_seen(self):
        one = self.watch("user/1", "--count", "1")
        some = self.watch("--prefix", "user/", "--count", "2")
        words = self.watch("--prefix", ":user/", "--count", "1")
        for key in ["use", "user/2", ":user/one", "user/1", "user/3"]:
            self.there("put", key, "1")
        self.assertIn(':key "user/1"', self.events(one)[0])
        first, second = self.events(some)
        self.assertIn(':key "user/2"', first)
        self.assertIn(':key "user/1"', second)
        self.assertIn(":key :user/one", self.events(words)[0])

    def test_values_are_shown_on_request(self):
        process = self.watch("k", "--values", "--count", "3")
        self.there("put", "k", "nil")
        self.there("update", "k", "--fn", "swap-if", "nil", "[1]")
        self.there("erase", "k")
        put, update, erase = self.events(process)
        self.assertIn(":after nil", put)
        self.assertNotIn(":before", put)
        self.assertIn(":after [1], :before nil", update)
        self.assertIn(":before [1]", erase)
        self.assertNotIn(":after", erase)

    def test_changes_that_belong_together_say_so(self):
        process = self.watch("--count", "3", "--json")
        self.there("mput", "a", "1", "b", "2")
        self.there("put", "c", "3")
        a, b, c = [json.loads(line) for line in self.events(process)]
        self.assertEqual({a["key"], b["key"]}, {"a", "b"})
        self.assertEqual(a["batch"], b["batch"])
        self.assertEqual(c["key"], "c")
        self.assertNotIn("batch", c)

    def test_what_was_missed_while_the_server_was_away_is_told(self):
        process = self.watch("--values")
        self.there("put", "k", "1")
        self.assertIn(":after 1", process.stdout.readline())
        self.stop(self.server)
        self.larder("put", "k", "2")
        self.serve_again()
        self.assertRegex(process.stdout.readline(),
                         r"^\{:missed \d+, :resync true\}\n$")
        self.there("put", "k", "3")
        self.assertIn(":after 3, :before 2", process.stdout.readline())

    def serve_again(self):
        """Serves at the old port, once no other test has it any more."""
        for _ in range(1000):
            server = subprocess.Popen(
                [LARDER, "--store", self.store, "serve", "--port",
                 str(self.port), "--plain-text"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=self.folder)
            self.addCleanup(self.end, server)
            if server.stdout.readline():
                return
        self.fail("the port was never free again")

    def test_a_store_that_is_not_served_is_refused(self):
        message = self.fails(USAGE, "watch")
        self.assertIn("file:store is not served", message)
        self.assertIn("caf://HOST:PORT", message)

    def test_arguments_that_make_no_sense_are_refused(self):
        for args, hint in [(["k", "--prefix", "p"], "exclude"),
                           (["--count", "0"], "--count"),
                           (["--count", "x"], "--count"),
                           (["[1"], "[1"),
                           (["a", "b"], "usage: larder watch [KEY]")]:
            with self.subTest(args):
                self.assertIn(hint, self.fails(USAGE, "watch", *args,
                                               store=self.remote))


if __name__ == "__main__":
    unittest.main()
