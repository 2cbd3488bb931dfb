# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""backup, restore and archive verify."""

import base64
import json
import os
import pathlib
import pty
import random
import subprocess
import unittest

from remote_test import RemoteTest
from support import FAILED, FINE, LARDER, TIMEOUT, USAGE, LarderTest

READER = (pathlib.Path(__file__).parents[2] / "scripts" / "read_archive.py")


class BackupTest(LarderTest):

    def setUp(self):
        super().setUp()
        self.store += "?sync=off"
        self.again = "file:again?sync=off"

    def fill(self):
        self.larder("put", "user/1", '{:name "Ada" :visits 3}',
                    "--meta", "{:by :me}")
        self.larder("put", "[1 :two]", "#{3}", "--ttl", "1h")
        self.larder("write", "small", "-", stdin=b"hello")
        self.data = random.Random(1).randbytes(3 << 20)
        self.larder("write", "large", "-", stdin=self.data)

    def everything(self, store=None):
        """What export prints, and all metadata but revisions."""
        exported = self.larder("export", store=store).splitlines()
        listed = self.larder("keys", "--long", store=store).splitlines()
        return sorted(exported), sorted(
            line.partition(":revision")[0] + line.partition(":type")[2]
            for line in listed)

    def is_store(self, name):
        return (self.folder / name).exists()


class Archives(BackupTest):

    def test_a_backup_is_restored_into_a_store_that_is_made(self):
        self.fill()
        printed = self.json("backup", "a.larder")
        self.assertEqual(
            {name: printed[name] for name in ("keys", "missing", "unchanged")},
            {"keys": 4, "missing": 0, "unchanged": 0})
        self.assertEqual(self.files(), ["a.larder"])
        restored = self.json("restore", "a.larder", store=self.again)
        self.assertEqual(restored, {"restored": 4, "expired": 0, "failed": 0,
                                    "missing": 0, "bytes": printed["bytes"]})
        self.assertEqual(self.everything(self.again), self.everything())
        self.assertEqual(
            self.larder("read", "large", store=self.again, text=False),
            self.data)

    def test_archives_pass_through_pipes(self):
        self.fill()
        archive = self.larder("backup", "-", text=False)
        self.assertIn("restored 4", self.larder(
            "restore", "-", stdin=archive, store=self.again))
        self.assertEqual(self.everything(self.again), self.everything())
        subprocess.run(
            f"'{LARDER}' backup - | '{LARDER}' --store file:third restore -",
            shell=True, check=True, cwd=self.folder, timeout=TIMEOUT,
            stdout=subprocess.DEVNULL,
            env={**self.environment, "LARDER_STORE": self.store})
        self.assertEqual(self.everything("file:third"), self.everything())

    def test_increments_hold_what_has_changed(self):
        self.fill()
        self.larder("backup", "a.larder")
        self.larder("erase", "small")
        self.larder("put", "user/1", "changed")
        printed = self.json("backup", "b.larder", "--since", "a.larder")
        self.assertEqual((printed["keys"], printed["unchanged"]), (1, 2))
        self.assertFalse(printed["one-moment"])  # of a file store
        self.larder("put", "small", "again")
        self.larder("backup", "c.larder", "--since", "b.larder")
        sizes = [(self.folder / f"{name}.larder").stat().st_size
                 for name in "abc"]
        self.assertLess(sizes[1], 2000)
        self.larder("restore", "a.larder", "b.larder", "c.larder",
                    store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())

    def test_a_backup_tells_whether_it_is_of_one_moment(self):
        for engine in "sqlite", "lmdb", "rocksdb":
            store = f"{engine}:moment-{engine}"
            if self.run_larder("create", store=store).returncode != 0:
                continue  # not built in
            self.larder("put", "a", "1", store=store)
            self.assertTrue(self.json("backup", f"{engine}.larder",
                                      store=store)["one-moment"])
            self.assertFalse(self.json("backup", f"{engine}.larder",
                                       "--per-key", store=store)["one-moment"])
            self.larder("restore", f"{engine}.larder", store=f"file:{engine}")
            self.assertEqual(self.larder("get", "a", store=f"file:{engine}"),
                             "1")

    def test_wrong_bases_are_refused(self):
        self.fill()
        for name, *since in (["a"], ["b", "--since", "a.larder"],
                             ["c", "--since", "b.larder"]):
            self.larder("backup", name + ".larder", *since)
        for names in (["b"], ["a", "c"], ["b", "c"], ["a", "a"], ["b", "a"]):
            names = [name + ".larder" for name in names]
            message = self.fails(FAILED, "restore", *names, store=self.again)
            self.assertRegex(message, "build")
        self.assertEqual(self.fails(
            FAILED, "backup", "d.larder", "--since", "missing").count("\n"), 0)
        self.larder("create", store=self.again)
        self.assertIn("another store", self.fails(
            USAGE, "backup", "d.larder", "--since", "a.larder",
            store=self.again))
        self.assertFalse((self.folder / "d.larder").exists())

    def test_a_store_that_is_not_empty_is_left_alone(self):
        self.fill()
        self.larder("backup", "a.larder")
        self.larder("put", "user/1", "other", store=self.again)
        self.larder("put", "mine", "1", store=self.again)
        self.assertIn("--merge", self.fails(FAILED, "restore", "a.larder",
                                            store=self.again))
        self.assertEqual(self.larder("get", "user/1", store=self.again),
                         '"other"')
        for _ in range(2):
            self.larder("restore", "a.larder", "--merge", store=self.again)
        self.assertEqual(self.larder("get", "mine", store=self.again), "1")
        self.assertEqual(self.larder("get", "user/1", ":name",
                                     store=self.again), '"Ada"')

    def test_a_damaged_archive_restores_nothing(self):
        self.fill()
        self.larder("backup", "a.larder")
        path = self.folder / "a.larder"
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[50_000] ^= 1
        for change in (whole[:-1], whole[:1000], whole + b"x", b"", b"PK",
                       flipped):
            path.write_bytes(change)
            self.fails(FAILED, "restore", "a.larder", store=self.again)
            self.fails(FAILED, "archive", "verify", "a.larder")
            self.fails(FAILED, "backup", "b.larder", "--since", "a.larder")
            self.assertFalse(self.is_store("again"))

    def test_a_damaged_archive_in_a_pipe_is_reported(self):
        self.fill()
        archive = self.larder("backup", "-", text=False)
        message = self.fails(FAILED, "restore", "-", stdin=archive[:-1],
                             store=self.again)
        self.assertIn("4 keys are restored", message)
        self.assertIn("incomplete", message)
        self.larder("destroy", "--yes", store=self.again)
        message = self.fails(FAILED, "restore", "-", stdin=archive[:100_000],
                             store=self.again)
        self.assertIn("incomplete", message)

    def test_damaged_blobs_are_left_out_and_named(self):
        self.fill()
        self.flip(self.blob("small"), 100)
        res = self.run_larder("--json", "backup", "a.larder")
        self.assertEqual(res.returncode, FAILED)
        self.assertRegex(res.stderr, '^larder: "small": .*\n'
                         "larder: the backup lacks 1 keys\n$")
        self.assertEqual(json.loads(res.stdout)["missing"], 1)
        self.assertEqual(self.json("archive", "verify", "a.larder")["missing"],
                         1)
        res = self.run_larder("--json", "restore", "a.larder",
                              store=self.again)
        self.assertEqual(res.returncode, FAILED)
        self.assertEqual(json.loads(res.stdout)["restored"], 3)

    def test_what_does_not_make_sense_is_refused(self):
        self.larder("put", "a", "1")
        self.larder("backup", "a.larder")
        for args in (["backup"], ["restore"], ["archive", "verify"],
                     ["backup", "b.larder", "--merge"],
                     ["backup", "b.larder", "--keyring", "ring"],
                     ["backup", "file:b", "--since", "a.larder"],
                     ["restore", "a.larder", "-"],
                     ["restore", "file:a", "a.larder"],
                     ["restore", "file:a", "file:b"]):
            self.fails(USAGE, *args)
        for args in (["backup", "no/such/folder"], ["backup", "."],
                     ["restore", "missing"], ["restore", "file:missing"],
                     ["archive", "verify", "missing"]):
            self.fails(FAILED, *args, store=self.again if args[0] == "restore"
                       else None)
        self.fails(FAILED, "backup", "b.larder", store="file:missing")
        self.assertFalse(self.is_store("missing"))
        self.assertEqual(self.files(), ["a.larder"])

    def test_an_archive_is_not_written_over_what_it_builds_on(self):
        self.larder("put", "a", "1")
        self.larder("backup", "full")
        self.larder("put", "b", "2")
        self.larder("backup", "day", "--since", "full")
        os.symlink("full", self.folder / "link")
        before = {x: (self.folder / x).read_bytes() for x in ("full", "day")}
        for name, since in (("full", "full"), ("link", "full"),
                            ("./full", "link"), ("full", "day")):
            message = self.fails(USAGE, "backup", name, "--since", since)
            self.assertIn("name another file", message)
        for name, content in before.items():
            self.assertEqual((self.folder / name).read_bytes(), content)
        # What nothing builds on may be replaced.
        self.larder("backup", "day", "--since", "full")
        self.larder("restore", "full", "day", store=self.again)
        self.assertEqual(self.larder("keys", store=self.again), '"a"\n"b"')

    def test_an_archive_comes_from_a_file_as_standard_input(self):
        self.larder("put", "a", "1")
        self.larder("backup", "full")
        with open(self.folder / "full", "rb") as file:
            res = subprocess.run(
                [LARDER, "--store", self.again, "restore", "-"], stdin=file,
                capture_output=True, cwd=self.folder, timeout=TIMEOUT,
                check=False)
        self.assertEqual((res.returncode, res.stderr), (FINE, b""))
        self.assertEqual(self.larder("keys", store=self.again), '"a"')

    def test_several_archives_must_be_files(self):
        self.larder("put", "a", "1")
        self.larder("backup", "full")
        os.mkfifo(self.folder / "pipe")
        self.fails(USAGE, "restore", "full", "pipe", store=self.again)
        self.assertFalse(self.is_store("again"))

    def test_a_terminal_gets_progress_but_no_archive(self):
        self.fill()
        main, other = pty.openpty()
        environment = {**self.environment, "LARDER_STORE": self.store}
        for args, code in ((["backup", "a.larder"], FINE),
                           (["backup", "-"], USAGE)):
            res = subprocess.run([LARDER, *args], stdout=other, stderr=other,
                                 cwd=self.folder, env=environment, check=False,
                                 timeout=TIMEOUT)
            self.assertEqual(res.returncode, code)
        shown = b""
        while b"terminal" not in shown:
            shown += os.read(main, 65536)
        os.close(main)
        os.close(other)
        self.assertIn(b"records", shown)
        self.assertNotIn(b"\x89larder", shown)

    def test_verify_tells_what_an_archive_is(self):
        self.fill()
        self.larder("backup", "a.larder")
        self.larder("backup", "b.larder", "--since", "a.larder")
        full = self.json("archive", "verify", "a.larder")
        self.assertEqual(full["base"], None)
        self.assertEqual(full["keys"], 4)
        self.assertEqual(full["store"], self.json("info")["id"])
        for names in (["b.larder"], ["a.larder", "b.larder"]):
            last = self.json("archive", "verify", *names)
            self.assertEqual(last["base"], full["archive"])
            self.assertEqual((last["keys"], last["unchanged"]), (0, 4))
        self.assertEqual(
            self.json("archive", "verify", "-",
                      stdin=(self.folder / "a.larder").read_bytes()), full)


class Copies(BackupTest):

    def test_stores_are_copied_both_ways(self):
        self.fill()
        self.assertIn(":copied 4", self.larder("backup", self.again))
        self.assertEqual(self.everything(self.again), self.everything())
        third = "file:third?compressor=zstd&serializer=edn"
        self.assertIn(":copied 4", self.larder("restore", self.again,
                                               store=third))
        self.assertEqual(self.everything(third), self.everything())

    def test_a_copy_does_not_mix(self):
        self.fill()
        self.larder("put", "mine", "1", store=self.again)
        self.assertIn("not empty", self.fails(FAILED, "backup", self.again))
        self.larder("backup", self.again, "--merge")
        self.assertEqual(self.larder("get", "mine", store=self.again), "1")


class Served(RemoteTest, BackupTest):

    def setUp(self):
        BackupTest.setUp(self)
        _, port = self.serve("--plain-text")
        self.remote = f"caf://127.0.0.1:{port}?plain-text=yes"

    def test_a_served_store_is_backed_up_while_it_is_used(self):
        self.fill()
        self.larder("backup", "a.larder", store=self.remote)
        self.larder("put", "late", "1")
        self.larder("backup", "b.larder", "--since", "a.larder",
                    store=self.remote)
        self.larder("restore", "a.larder", "b.larder", store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())

    def test_archives_and_stores_are_restored_into_a_served_store(self):
        self.larder("put", "a", "1", store=self.again)
        self.larder("write", "b", "-", stdin=bytes(2_000_000),
                    store=self.again)
        self.larder("backup", "a.larder", store=self.again)
        self.larder("restore", "a.larder", store=self.remote)
        self.assertEqual(self.everything(self.remote),
                         self.everything(self.again))
        self.larder("backup", self.remote, "--merge", store=self.again)
        self.larder("backup", "file:third", store=self.remote)
        self.assertEqual(self.everything("file:third"),
                         self.everything(self.again))


class Encrypted(BackupTest):

    def setUp(self):
        super().setUp()
        for name in ("ring", "other"):
            self.larder("keyring", "new", name)
        self.store = "file:store?sync=off&encryptor=xaes-gcm&keyring=ring"
        self.fill()
        self.larder("put", "secret", '"the secret of Ada"')

    def test_a_backup_needs_no_key_and_a_restore_does(self):
        # Without keyring the store still opens, and is backed up as it is.
        self.larder("backup", "a.larder", store="file:store")
        self.larder("archive", "verify", "a.larder")
        # Three random letters would often be in 3 MiB of cipher text.
        archive = (self.folder / "a.larder").read_bytes()
        self.assertNotIn(b"the secret of Ada", archive)
        for args in ([], ["--keyring", "other"]):
            message = self.fails(FAILED, "restore", "a.larder", *args,
                                 store=self.again)
            self.assertIn("--keyring", message)
            self.assertEqual(self.larder("keys", store=self.again), "")
        self.larder("restore", "a.larder", "--keyring", "ring",
                    store=self.again)
        self.assertEqual(self.everything(self.again), self.everything())

    def test_the_target_may_have_the_keys(self):
        self.larder("backup", "a.larder")
        again = "file:again?encryptor=xaes-gcm&keyring=ring"
        self.larder("restore", "a.larder", store=again)
        self.assertEqual(self.everything(again), self.everything())

    def test_a_copy_takes_the_keys_of_the_source(self):
        self.larder("backup", self.again)
        self.assertEqual(self.everything(self.again), self.everything())
        self.fails(FAILED, "backup", "file:third", store="file:store")
        self.larder("backup", "file:third", "--merge", "--keyring", "ring",
                    store="file:store")
        self.assertEqual(self.everything("file:third"), self.everything())

    def test_a_keyring_may_have_a_passphrase(self):
        env = {"PASS": "correct horse"}
        sealed = ["--passphrase-env", "PASS"]
        self.larder("keyring", "new", "sealed", *sealed, env=env)
        store = ("file:third?encryptor=xaes-gcm&keyring=sealed"
                 "&passphrase-env=PASS")
        self.larder("put", "a", "1", store=store, env=env)
        self.larder("backup", "b.larder", store=store, env=env)
        self.fails(USAGE, "restore", "b.larder", "--keyring", "sealed",
                   store=self.again)
        self.larder("restore", "b.larder", "--keyring", "sealed", *sealed,
                    store=self.again, env=env)
        self.assertEqual(self.larder("get", "a", store=self.again), "1")


class Independent(BackupTest):
    """scripts/read_archive.py knows the format from its page alone."""

    def read(self, *args, code=FINE):
        res = subprocess.run(["/usr/bin/python3", READER, *args],
                             capture_output=True, cwd=self.folder, text=True,
                             check=False, timeout=TIMEOUT)
        self.assertEqual(res.returncode, code, res.stderr)
        return [json.loads(line) for line in res.stdout.splitlines()]

    def check(self, found):
        values = {line["key"]: line["value"] for line in found}
        self.assertEqual(values['"user/1'], {"name": "Ada", "visits": 3})
        self.assertEqual(base64.b64decode(values['"small']), b"hello")
        self.assertEqual(base64.b64decode(values['"large']), self.data)

    def test_it_reads_what_larder_wrote(self):
        self.fill()
        self.larder("backup", "a.larder")
        self.check(self.read("a.larder"))
        self.larder("erase", "[1 :two]")
        self.larder("put", "new", "1")
        self.larder("backup", "b.larder", "--since", "a.larder")
        found = self.read("a.larder", "b.larder")
        self.check(found)
        self.assertEqual([line["key"] for line in found],
                         ['"large', '"new', '"small', '"user/1'])
        self.read("b.larder", "a.larder", code=FAILED)

    def test_it_reads_encrypted_archives_with_the_key(self):
        self.larder("keyring", "new", "ring")
        self.store = ("file:store?encryptor=xaes-gcm&compressor=zstd"
                      "&keyring=ring")
        self.fill()
        self.larder("backup", "a.larder")
        self.assertEqual(len(self.read("--raw", "a.larder")), 4)
        self.check(self.read("a.larder", "--keyring", "ring"))
        self.read("a.larder", code=FAILED)

    def test_it_notices_damage(self):
        self.larder("put", "a", "1")
        self.larder("backup", "a.larder")
        whole = (self.folder / "a.larder").read_bytes()
        for position in range(0, len(whole), 49):
            data = bytearray(whole)
            data[position] ^= 4
            (self.folder / "b").write_bytes(data)
            self.read("--raw", "b", code=FAILED)
        (self.folder / "b").write_bytes(whole[:-1])
        self.read("--raw", "b", code=FAILED)


if __name__ == "__main__":
    unittest.main()
