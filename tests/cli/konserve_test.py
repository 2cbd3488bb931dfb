# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""konserve's stores."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from support import FAILED, NOT_FOUND, USAGE, LarderTest

SAMPLES = (pathlib.Path(__file__).parents[3]
           / "shared" / "fixtures" / "konserve")

EXAMPLE = os.environ.get("KONSERVE_FIELD")

# [[:a] {:x 1}] as konserve 0.4 wrote it, and the file that :a has.
OLD_VALUE = bytes.fromhex(
    "efde7076656302" "02a001caf7cddb61c0e6caf7cddb7801")
OLD_NAME = "21e84407-47ac-52c2-9567-b6118205c1b7"


class Konserve(LarderTest):

    def setUp(self):
        super().setUp()
        self.store = "konserve:store"

    def names(self):
        return sorted(x.name for x in (self.folder / "store").iterdir())

    def test_every_command_works_on_a_konserve_store(self):
        self.larder("create")
        self.larder("put", "user", '{:name "Ada" :n 41}')
        self.larder("update", "user", ":n", "--fn", "inc")
        self.assertEqual(self.larder("get", "user", ":n"), "42")
        self.assertIn(":type :edn", self.larder("meta", "user"))
        self.larder("append", "log", "1", "2")
        self.larder("append", "log", "3")
        self.larder("truncate", "log", "1")
        self.assertEqual(self.larder("log", "log"), "[1 2]\n[2 3]")
        self.larder("write", "bin", "-", stdin=b"\0\1 bytes")
        self.assertEqual(self.larder("read", "bin", text=False), b"\0\1 bytes")
        self.larder("mput", "--best-effort", "a", "1", "b", "2")
        self.assertIn("best effort", self.fails(FAILED, "mput", "a", "1",
                                                "b", "2"))
        keys = sorted(self.larder("keys").splitlines())
        self.assertEqual(keys, ['"a"', '"b"', '"bin"', '"log"', '"user"'])
        self.assertIn(":damaged []", self.larder("verify"))
        exported = self.larder("export")
        self.assertIn('"Ada"', exported)
        self.larder("backup", "file:copy")
        self.larder("restore", "file:copy", store="konserve:again")
        self.assertEqual(sorted(self.larder("keys", store="konserve:again")
                                .splitlines()), keys)
        self.assertEqual(self.larder("log", "log", store="konserve:again"),
                         "[1 2]\n[2 3]")
        for key in ("a", "b", "bin", "log", "user"):
            self.larder("erase", key)
        self.assertEqual(self.names(), [])
        self.larder("destroy", "--yes")
        self.assertFalse((self.folder / "store").exists())

    def test_values_are_written_in_fressian_unless_told_otherwise(self):
        self.larder("put", ":k/int", "42")
        name = "0bc19106-de58-5607-95ad-0cf0cee62b55.ksv"
        file = self.folder / "store" / name
        self.assertEqual(file.read_bytes()[:4], bytes([1, 1, 0, 0]))
        self.assertEqual(file.read_bytes()[-1], 42)
        self.larder("put", ":k/int", "42",
                    store="konserve:store?serializer=cbor&compressor=zstd")
        self.assertEqual(file.read_bytes()[:4], bytes([1, 3, 2, 0]))

    def test_encryption_needs_its_key(self):
        (self.folder / "key").write_text("00" * 32)
        sealed = "konserve:store?encryptor=aes-gcm&key-file=key"
        self.larder("put", "k", '"secret"', store=sealed)
        self.assertEqual(self.larder("get", "k", store=sealed), '"secret"')
        (path,) = (self.folder / "store").iterdir()
        self.assertNotIn(b"secret", path.read_bytes())
        self.fails(FAILED, "get", "k")
        (self.folder / "key").write_text("01" * 32)
        self.fails(FAILED, "get", "k", store=sealed)
        self.fails(USAGE, "get", "k",
                   store="konserve:store?encryptor=xaes-gcm&keyring=ring")

    def test_keys_that_have_one_file_do_not_replace_each_other(self):
        self.larder("put", "[]", "1")
        message = self.fails(USAGE, "put", "[nil]", "2")
        self.assertIn("[nil]", message)
        self.fails(NOT_FOUND, "get", "[nil]")
        self.assertEqual(self.larder("get", "[]"), "1")

    def write_old(self):
        (self.folder / "store").mkdir()
        (self.folder / "store" / OLD_NAME).write_bytes(OLD_VALUE)

    def test_old_layouts_are_told_of(self):
        self.write_old()
        for args in (["get", ":a"], ["put", ":a", "1"]):
            self.assertIn("migrate=yes", self.fails(FAILED, *args))
        res = self.run_larder("keys")
        self.assertEqual(res.returncode, FAILED)
        self.assertIn("migrate=yes", res.stderr)
        self.assertEqual(self.names(), [OLD_NAME])

    def test_a_key_moves_when_it_is_touched(self):
        self.write_old()
        moving = "konserve:store?migrate=yes"
        self.assertEqual(self.larder("get", ":a", ":x", store=moving), "1")
        self.assertEqual(self.names(), [OLD_NAME + ".ksv"])
        self.assertEqual(self.larder("get", ":a"), "{:x 1}")

    def test_all_keys_move_at_once(self):
        self.write_old()
        (self.folder / "store" / ("B_" + OLD_NAME)).write_bytes(b"bytes")
        res = self.run_larder("migrate")
        self.assertEqual(res.returncode, FAILED)
        # The key has a value as well as a binary.
        self.assertIn("B_" + OLD_NAME, res.stderr)
        (self.folder / "store" / ("B_" + OLD_NAME)).unlink()
        self.assertEqual(
            self.larder("migrate", "konserve:store"),
            "{:failed 0, :found 0, :moved 0, :removed 0, :unnamed 0}")
        self.assertEqual(self.larder("get", ":a"), "{:x 1}")

    def test_only_konserve_stores_are_migrated(self):
        self.assertIn("konserve:DIR", self.fails(USAGE, "migrate", "file:x"))
        self.fails(NOT_FOUND, "migrate", "konserve:none")
        self.fails(USAGE, "migrate", "konserve:none?what=ever")

    @unittest.skipUnless(EXAMPLE, "the examples are not built")
    def test_the_example_changes_a_field(self):
        self.larder("put", "user", "{:address {:city 1}}")

        def change(*args):
            return subprocess.run([EXAMPLE, *args], cwd=self.folder, text=True,
                                  capture_output=True, check=False)

        res = change("store", '"user"', "[:address :city]", '"London"')
        self.assertEqual((res.returncode, res.stderr), (0, ""))
        before, after = re.findall(r"^  ([0-9a-f]{40})$", res.stdout, re.M)
        self.assertEqual(before[:8], "01010000")
        self.assertEqual(after[:8], "01010000")
        self.assertEqual(self.larder("get", "user", ":address", ":city"),
                         '"London"')
        self.assertEqual(change("store", '"none"', "[]", "1").returncode, 1)
        self.assertEqual(change("none", '"user"', "[]", "1").returncode, 1)
        self.assertEqual(change("store").returncode, 2)

    @unittest.skipUnless(SAMPLES.is_dir(), f"there is no {SAMPLES}")
    def test_stores_that_konserve_wrote_are_read(self):
        for name, options in (("FressianSerializer-lz4-none", ""),
                              ("BoringSerializer-lz4-aes", "?key=s3cr3t&"
                               "encryptor=aes-cbc&legacy=yes"),
                              ("CBORSerializer-none-none", "")):
            with self.subTest(name):
                shutil.copytree(SAMPLES / name, self.folder / name)
                store = f"konserve:{name}{options}"
                self.assertIn(":damaged []", self.larder("verify", store=store))
                keys = self.larder("keys", store=store).splitlines()
                self.assertEqual(len(keys), 52)
                self.assertEqual(
                    self.larder("get", ":k/nested", ":a", ":b", ":c", "1",
                                ":d", store=store), "#{:x :y}")
                if name.startswith("CBOR"):
                    continue
                self.larder("put", ":k/nested", ":a", ":new", "1", store=store)
                self.assertEqual(self.larder("get", ":k/nested", ":a", ":new",
                                             store=store), "1")


if __name__ == "__main__":
    unittest.main()
