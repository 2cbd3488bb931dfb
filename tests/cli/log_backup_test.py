# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""backup, restore and archive verify of append logs."""

import json
import subprocess
import unittest

from backup_test import READER, BackupTest
from remote_test import RemoteTest
from support import FAILED, FINE, LARDER, TIMEOUT


class LogBackupTest(BackupTest):

    def append(self, key, count, store=None):
        """Appends numbers, 200 at a time, so that there are segments."""
        for _ in range(0, count, 200):
            self.larder("append", key, *map(str, range(200)), store=store)

    def fill_logs(self):
        self.larder("put", "value", "1")
        self.larder("append", "short", "1", ":two", "[3]")
        self.append("log", 1200)
        self.append("cut", 800)
        self.larder("truncate", "cut", "300")

    def segments(self, store):
        # A killed writer leaves staging files, which later writes remove.
        return sorted(path
                      for path in (self.folder / store).rglob("%00S*")
                      if path.suffix != ".new")


class Archives(LogBackupTest):

    def test_logs_come_back_whole_with_another_chain_and_keys(self):
        for name in ("ring", "other"):
            self.larder("keyring", "new", name)
        self.store += "&encryptor=xaes-gcm&compressor=lz4&keyring=ring"
        again = ("file:again?sync=off&encryptor=xaes-gcm&compressor=zstd"
                 "&serializer=edn&keyring=other")
        self.fill_logs()
        printed = self.json("backup", "a.larder")
        self.assertEqual((printed["keys"], printed["missing"]), (4, 0))
        verified = self.json("archive", "verify", "a.larder")
        self.assertEqual((verified["keys"], verified["bytes"]),
                         (4, printed["bytes"]))
        restored = self.json("restore", "a.larder", "--keyring", "ring",
                             store=again)
        self.assertEqual(restored, {"restored": 4, "expired": 0, "failed": 0,
                                    "missing": 0, "bytes": printed["bytes"]})
        self.assertEqual(self.everything(again), self.everything())
        for store in (self.store, again):
            res = self.run_larder("log", "cut", "--limit", "1", store=store)
            self.assertEqual((res.stdout, res.stderr),
                             ("[300 100]\n", "next 301\n"))
        self.larder("verify", store=again)
        self.assertEqual(self.larder("append", "log", "x", store=again),
                         self.larder("append", "log", "x"))

    def test_increments_hold_the_logs_that_have_changed(self):
        self.fill_logs()
        self.larder("backup", "a.larder")
        self.larder("append", "log", ":more")
        self.larder("truncate", "log", "250")
        self.larder("erase", "short")
        printed = self.json("backup", "b.larder", "--since", "a.larder")
        self.assertEqual((printed["keys"], printed["unchanged"]), (1, 2))
        self.larder("restore", "a.larder", "b.larder", store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())
        self.larder("restore", "a.larder", "--merge", store=self.again)
        self.assertIn("short", self.larder("keys", store=self.again))
        self.larder("verify", store=self.again)

    def test_a_restore_that_was_killed_is_repeated(self):
        for _ in range(3):
            self.larder("append", "log", *['"' + "x" * 4000 + '"'] * 200)
        archive = self.larder("backup", "-", text=False)
        (self.folder / "a.larder").write_bytes(archive)
        with subprocess.Popen(
                [LARDER, "--store", self.again, "restore", "-"],
                cwd=self.folder, env=self.environment,
                stdin=subprocess.PIPE) as process:
            # What the pipe cannot hold has been read when this is over.
            process.stdin.write(archive[:-10])
            process.stdin.flush()
            process.kill()
            process.wait(TIMEOUT)
            process.stdin.close()
        self.assertEqual(self.larder("keys", store=self.again), "")
        left = self.segments("again")
        self.assertGreater(len(left), 0)
        self.larder("restore", "a.larder", store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())
        self.assertEqual(len(self.segments("again")),
                         len(left) + len(self.segments("store")))

    def test_a_log_with_a_damaged_segment_is_left_out_and_named(self):
        self.fill_logs()
        whole = self.larder("backup", "-", text=False)
        segments = self.segments("store")
        self.assertEqual(len(segments), 6)
        for damage in (lambda path: self.flip(path, 300),
                       lambda path: path.unlink()):
            damage(segments[1])
            res = self.run_larder("--json", "backup", "a.larder")
            self.assertEqual(res.returncode, FAILED)
            self.assertRegex(res.stderr, '^larder: "(log|cut)": .*segment .*\n'
                             "larder: the backup lacks 1 keys\n$")
            self.assertEqual(json.loads(res.stdout)["missing"], 1)
            res = self.run_larder("--json", "restore", "a.larder", "--merge",
                                  store=self.again)
            self.assertEqual(json.loads(res.stdout)["restored"], 3)
        self.larder("restore", "-", "--merge", stdin=whole)
        self.larder("verify")

    def test_a_damaged_archive_is_found(self):
        self.append("log", 1000)
        self.larder("backup", "a.larder")
        whole = (self.folder / "a.larder").read_bytes()
        for position in range(100, len(whole), 2999):
            data = bytearray(whole)
            data[position] ^= 1
            (self.folder / "a.larder").write_bytes(data)
            self.fails(FAILED, "archive", "verify", "a.larder")
            self.fails(FAILED, "restore", "a.larder", store=self.again)
        self.assertFalse(self.is_store("again"))

    def test_logs_need_the_keys_of_the_store(self):
        self.larder("keyring", "new", "ring")
        store = self.store + "&encryptor=xaes-gcm&keyring=ring"
        self.larder("put", "a", "1", store=store)
        self.larder("append", "log", "1", store=store)
        res = self.run_larder("backup", "a.larder", store=self.store)
        self.assertEqual(res.returncode, FAILED)
        self.assertIn("without its keys", res.stderr)
        self.larder("backup", "a.larder", store=store)


class Copies(LogBackupTest):

    def test_logs_are_copied_between_stores(self):
        self.fill_logs()
        self.assertIn(":copied 4", self.larder("backup", self.again))
        self.assertEqual(self.everything(self.again), self.everything())
        third = "file:third?compressor=zstd&serializer=edn"
        self.larder("restore", self.again, store=third)
        self.assertEqual(self.everything(third), self.everything())
        self.larder("restore", self.again, "--merge", store=third)
        self.assertEqual(len(self.segments("third")),
                         len(self.segments("again")))


class Served(RemoteTest, LogBackupTest):

    def setUp(self):
        LogBackupTest.setUp(self)
        _, port = self.serve("--plain-text")
        self.remote = f"caf://127.0.0.1:{port}?plain-text=yes"

    def test_logs_of_served_stores_are_saved_and_restored(self):
        self.fill_logs()
        self.larder("backup", "a.larder", store=self.remote)
        self.larder("append", "log", ":late")
        self.larder("backup", "b.larder", "--since", "a.larder",
                    store=self.remote)
        self.larder("restore", "a.larder", "b.larder", store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())
        self.larder("truncate", "log", "700", store=self.again)
        self.larder("backup", self.remote, "--merge", store=self.again)
        self.assertEqual(self.everything(self.remote),
                         self.everything(self.again))


class Independent(LogBackupTest):

    def read(self, *args):
        res = subprocess.run(["/usr/bin/python3", READER, *args],
                             capture_output=True, cwd=self.folder, text=True,
                             check=False, timeout=TIMEOUT)
        self.assertEqual(res.returncode, FINE, res.stderr)
        found = map(json.loads, res.stdout.splitlines())
        return {line["key"]: line for line in found}

    def test_read_archive_knows_logs(self):
        self.larder("keyring", "new", "ring")
        self.store += "&encryptor=xaes-gcm&compressor=zstd&keyring=ring"
        self.fill_logs()
        self.larder("backup", "a.larder")
        self.larder("append", "short", "4")
        self.larder("backup", "b.larder", "--since", "a.larder")
        found = self.read("a.larder", "b.larder", "--keyring", "ring")
        self.assertEqual(found['"short']["value"],
                         {"begin": 0, "entries": [1, "two", [3], 4]})
        self.assertEqual(found['"log']["value"],
                         {"begin": 0, "entries": list(range(200)) * 6})
        self.assertEqual(found['"cut']["value"],
                         {"begin": 300,
                          "entries": (list(range(200)) * 4)[300:]})
        self.assertEqual(len(self.read("--raw", "a.larder")), 4)


if __name__ == "__main__":
    unittest.main()
