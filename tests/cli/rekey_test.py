# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""rekey: stores under new encryption keys."""

import json
import random
import subprocess
import unittest

from backup_test import BackupTest
from remote_test import RemoteTest
from support import FAILED, FINE, LARDER, TIMEOUT, USAGE


class RekeyTest(BackupTest):

    def setUp(self):
        super().setUp()
        self.first = self.larder("keyring", "new", "ring")
        self.store = "file:store?sync=off&encryptor=xaes-gcm&keyring=ring"

    def add_key(self):
        key = self.larder("keyring", "add", "ring")
        self.larder("keyring", "primary", "ring", key)
        return key


class Rekeying(RekeyTest):

    def test_an_old_key_can_be_retired_afterwards(self):
        self.larder("put", "clear", "1", store="file:store?sync=off")
        self.fill()
        self.larder("append", "entries", *map(str, range(600)))
        before = self.everything()
        second = self.add_key()
        counted = self.json("rekey", "--dry-run")
        blobs = counted["blobs"]
        self.assertGreater(blobs, 6)  # the log has segments
        self.assertEqual(counted["left"], {"0": 1, self.first: blobs - 1})
        self.assertEqual(counted["rekeyed"], 0)
        done = self.json("rekey")
        self.assertEqual(
            (done["rekeyed"], done["left"], done["failed"], done["primary"]),
            (blobs, {}, 0, int(second)))
        self.assertEqual(self.everything(), before)
        self.larder("keyring", "retire", "ring", self.first)
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.json("rekey", self.store)["rekeyed"], 0)

    def test_what_cannot_be_read_is_named_and_left(self):
        self.fill()
        self.flip(self.blob("small"), -1)
        self.add_key()
        res = self.run_larder("--json", "rekey")
        self.assertEqual(res.returncode, FAILED)
        self.assertRegex(res.stderr, '^larder: "small": .*\nlarder: blobs are '
                         "left under other keys: .*\n$")
        self.assertEqual(json.loads(res.stdout)["left"], {self.first: 1})

    def test_a_key_that_is_missing_is_told_of(self):
        self.fill()
        self.add_key()
        self.larder("keyring", "retire", "ring", self.first)
        res = self.run_larder("rekey")
        self.assertEqual(res.returncode, FAILED)
        self.assertIn(self.first, res.stderr)
        self.assertIn(":rekeyed 0", res.stdout)

    def test_what_does_not_make_sense_is_refused(self):
        self.fails(USAGE, "rekey", "file:store", "file:again")
        self.fails(FAILED, "rekey", "file:missing")
        self.larder("create", store="file:again")
        self.assertIn("encrypt", self.fails(USAGE, "rekey", "file:again"))

    def test_it_goes_on_after_it_was_killed(self):
        lines = [json.dumps({"id": f"key{i}", "text": "x" * (i % 3000)})
                 for i in range(3000)]
        self.larder("import", "-", "--key", "id", stdin="\n".join(lines))
        self.larder("write", "large", "-",
                    stdin=random.Random(1).randbytes(20 << 20))
        for i in range(10):
            self.larder("append", f"log{i % 3}", *map(str, range(100)))
        before = self.everything()
        self.add_key()
        kills = 0
        delay = 0.02
        while True:
            process = subprocess.Popen([LARDER, "--store", self.store,
                                        "rekey"], cwd=self.folder,
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            try:
                _, err = process.communicate(timeout=delay)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                _, err = process.communicate()
                if process.returncode == FINE:
                    break  # it has just ended
                kills += 1
                delay *= 1.5
        self.assertEqual((process.returncode, err), (FINE, b""))
        self.assertGreater(kills, 0)
        self.larder("keyring", "retire", "ring", self.first)
        self.assertEqual(self.everything(), before)


class Served(RemoteTest, RekeyTest):

    def test_a_served_store_is_rekeyed_by_its_server(self):
        self.fill()
        before = self.everything()
        self.add_key()
        server, port = self.serve("--plain-text")
        remote = f"caf://127.0.0.1:{port}?plain-text=yes"
        writer = subprocess.Popen(
            f"for i in $(seq 30); do '{LARDER}' put busy $i; done", shell=True,
            cwd=self.folder, env={**self.environment, "LARDER_STORE": remote},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        done = self.json("rekey", remote)
        self.assertEqual((done["left"], done["failed"]), ({}, 0))
        self.assertEqual(writer.communicate(timeout=TIMEOUT)[1], b"")
        self.assertEqual(self.larder("get", "busy", store=remote), "30")
        self.larder("erase", "busy", store=remote)
        self.stop(server)
        self.larder("keyring", "retire", "ring", self.first)
        self.assertEqual(self.everything(), before)


if __name__ == "__main__":
    unittest.main()
