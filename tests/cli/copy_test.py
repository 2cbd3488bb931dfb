# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""copy: stores into stores."""

import json
import os
import pty
import random
import subprocess
import unittest

from backup_test import BackupTest
from remote_test import RemoteTest
from support import FAILED, FINE, LARDER, TIMEOUT, USAGE


class CopyTest(BackupTest):

    def copied(self, *args, source=None, target=None, **options):
        return self.json("copy", source or self.store, target or self.again,
                         *args, **options)

    def check(self, source=None, target=None):
        self.assertEqual(self.everything(target or self.again),
                         self.everything(source or self.store))


class Copying(CopyTest):

    def test_a_copy_has_all_keys_as_they_were(self):
        self.fill()
        self.larder("append", "entries", "1", ":two")
        printed = self.copied()
        size = printed.pop("bytes")
        self.assertGreater(size, len(self.data))
        self.assertEqual(printed, {
            "copied": 5, "raw": 4, "re-encoded": 1, "skipped": 0,
            "binaries": 2, "logs": 1, "expired": 0, "failed": 0, "missing": 0,
            "verified": 5, "changed": 0, "different": 0})
        self.check()
        self.assertEqual(
            self.larder("read", "large", store=self.again, text=False),
            self.data)
        self.assertEqual(self.larder("keys", "--long", store=self.again)
                         .count(":revision"), 5)

    def test_another_chain_is_encoded_again(self):
        self.fill()
        target = "file:again?sync=off&compressor=zstd&serializer=edn"
        printed = self.copied(target=target)
        self.assertEqual((printed["raw"], printed["re-encoded"]), (0, 4))
        self.check(target=target)
        third = "file:third?sync=off&compressor=none"
        self.assertEqual(self.copied(source=target, target=third)["raw"], 0)
        self.check(target=third)

    def test_a_copy_does_not_mix_unless_told(self):
        self.fill()
        self.larder("put", "mine", "1", store=self.again)
        self.assertIn("--merge", self.fails(FAILED, "copy", self.store,
                                            self.again))
        self.assertEqual(self.larder("keys", store=self.again), '"mine"')
        self.assertEqual(self.copied("--merge")["copied"], 4)
        self.assertEqual(self.larder("get", "mine", store=self.again), "1")
        self.larder("put", "user/1", "new")
        printed = self.copied("--merge", "--no-verify")
        self.assertEqual((printed["copied"], printed["skipped"]), (1, 3))
        self.assertNotIn("verified", printed)
        self.assertEqual(self.larder("get", "user/1", store=self.again),
                         '"new"')

    def test_what_does_not_make_sense_is_refused(self):
        self.larder("put", "a", "1")
        for args in ([], [self.store], [self.store, "name"],
                     ["name", self.again], [self.store, self.store],
                     [self.store, self.again, "file:third"]):
            self.fails(USAGE, "copy", *args)
        self.fails(FAILED, "copy", "file:missing", self.again)
        self.assertFalse(self.is_store("missing"))
        self.assertFalse(self.is_store("again"))

    def test_damaged_blobs_are_left_out_and_named(self):
        self.fill()
        self.flip(self.blob("small"), 100)
        res = self.run_larder("--json", "copy", self.store, self.again)
        self.assertEqual(res.returncode, FAILED)
        self.assertRegex(res.stderr, '^larder: "small": .*\n(.*\n)?'
                         "larder: the copy lacks 1 keys\n$")
        self.assertEqual(json.loads(res.stdout)["missing"], 1)
        self.assertEqual(json.loads(res.stdout)["verified"], 3)

    def test_a_terminal_gets_progress(self):
        self.fill()
        main, other = pty.openpty()
        res = subprocess.run([LARDER, "copy", self.store, self.again],
                             stdout=subprocess.DEVNULL, stderr=other,
                             cwd=self.folder, check=False, timeout=TIMEOUT)
        os.close(other)
        self.assertEqual(res.returncode, FINE)
        self.assertIn(b"records", os.read(main, 65536))
        os.close(main)


class Konserve(CopyTest):

    def test_keys_come_to_konserve_and_back(self):
        self.fill()
        self.larder("append", "entries", *map(str, range(300)))
        there = "konserve:there?sync=off"
        printed = self.copied(target=there)
        self.assertEqual((printed["copied"], printed["raw"],
                          printed["verified"]), (5, 0, 5))
        self.check(target=there)
        printed = self.copied(source=there, target=self.again)
        self.assertEqual((printed["copied"], printed["verified"]), (5, 5))
        self.check()

    def test_segments_pass_from_konserve_to_konserve(self):
        self.store = "konserve:here?sync=off"
        self.fill()
        there = "konserve:there?sync=off"
        printed = self.copied(target=there)
        self.assertEqual((printed["raw"], printed["verified"]), (4, 4))
        self.check(target=there)
        self.larder("put", "late", "1")
        printed = self.copied("--merge", target=there)
        self.assertEqual((printed["copied"], printed["skipped"],
                          printed["verified"]), (1, 4, 5))
        self.check(target=there)
        sealed = ("konserve:sealed?sync=off&encryptor=aes-gcm"
                  "&key=0123456789abcdef0123456789abcdef")
        self.assertEqual(self.copied(source=there, target=sealed)["raw"], 5)
        self.check(target=sealed)


class Killed(CopyTest):

    def test_a_copy_that_is_killed_goes_on(self):
        source = random.Random(7)
        lines = [json.dumps({"id": f"key{i}", "text": "x" * (i % 3000)})
                 for i in range(3000)]
        self.larder("import", "-", "--key", "id", stdin="\n".join(lines))
        self.larder("write", "large", "-", stdin=source.randbytes(20 << 20))
        for i in range(10):
            self.larder("append", f"log{i % 3}", *map(str, range(100)))
        kills = 0
        delay = 0.02
        while True:
            args = ["copy", self.store, self.again, "--merge", "--no-verify"]
            process = subprocess.Popen([LARDER, *args], cwd=self.folder,
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            try:
                out, err = process.communicate(timeout=delay)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                if process.returncode == FINE:
                    break  # it has just ended
                kills += 1
                delay *= 1 + source.random()
        self.assertEqual((process.returncode, err), (FINE, b""))
        self.assertGreater(kills, 0)
        printed = self.copied("--merge")
        self.assertEqual(printed["copied"], 0)
        self.assertEqual(printed["skipped"], 3004)
        self.assertEqual(printed["verified"], 3004)
        self.check()


class Served(RemoteTest, CopyTest):

    def setUp(self):
        CopyTest.setUp(self)
        _, port = self.serve("--plain-text")
        self.remote = f"caf://127.0.0.1:{port}?plain-text=yes"

    def test_a_served_store_is_copied_both_ways(self):
        self.fill()
        printed = self.copied(source=self.remote)
        self.assertEqual((printed["raw"], printed["verified"]), (4, 4))
        self.check()
        self.larder("put", "late", "1", store=self.again)
        self.larder("write", "other", "-", stdin=self.data, store=self.again)
        printed = self.copied("--merge", source=self.again, target=self.remote)
        self.assertEqual((printed["copied"], printed["skipped"]), (2, 4))
        self.check()


class Encrypted(CopyTest):

    def setUp(self):
        super().setUp()
        for name in ("ring", "other"):
            self.larder("keyring", "new", name)
        self.store = "file:store?sync=off&encryptor=xaes-gcm&keyring=ring"
        self.fill()

    def test_what_is_encrypted_is_encrypted_again(self):
        for target in (self.again,
                       "file:third?sync=off&encryptor=xaes-gcm&keyring=ring",
                       "file:fourth?sync=off&encryptor=xaes-gcm"
                       "&keyring=other"):
            printed = self.copied(target=target)
            self.assertEqual((printed["raw"], printed["verified"]), (0, 4))
            self.check(target=target)

    def test_without_the_keys_of_the_source_nothing_is_copied(self):
        for args in ([], ["--keyring", "other"]):
            self.assertIn("--keyring", self.fails(
                FAILED, "copy", "file:store", self.again, *args))
            self.assertEqual(self.larder("keys", store=self.again), "")
        self.copied("--merge", "--keyring", "ring", source="file:store")
        self.check()


if __name__ == "__main__":
    unittest.main()
