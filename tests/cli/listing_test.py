# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""keys and verify."""

import contextlib
import sqlite3
import unittest

from support import FAILED, FINE, NOT_FOUND, USAGE, LarderTest


class Keys(LarderTest):

    def fill(self, keys):
        records = "\n".join(f'{{"id": "{key}"}}' for key in keys)
        self.larder("import", "-", "--key", "id", stdin=records,
                    store=self.store + "?sync=off")

    def list(self, *args):
        return self.larder("keys", *args).splitlines()

    def test_a_key_a_line_as_edn(self):
        for key in ["a b", "line\nbreak", ":kw", "[1 2]", "5", ""]:
            self.larder("put", key, "1")
        self.assertEqual(
            sorted(self.list()),
            sorted(['"a b"', '"line\\nbreak"', ":kw", "[1 2]", "5", '""']))

    def test_an_empty_store_has_no_keys(self):
        self.larder("create")
        self.assertEqual(self.larder("keys"), "")
        self.assertEqual(self.json("keys"), {"keys": [], "next": None})

    def test_a_prefix_selects_keys_of_its_kind(self):
        for key in ["user/1", "user/2", "use", "users", ":user/a", ":user",
                    "[1]", "2024-01", "2024-02"]:
            self.larder("put", "--", f'"{key}"' if key[0] == "2" else key, "1")
        for prefix, found in [
                ("user/", {'"user/1"', '"user/2"'}),
                ("use", {'"use"', '"user/1"', '"user/2"', '"users"'}),
                ('"user/1', None), ('"user/1"', {'"user/1"'}),
                (":user/", {":user/a"}), (":u", {":user", ":user/a"}),
                ("2024-", {'"2024-01"', '"2024-02"'}), ("zzz", set()),
        ]:
            with self.subTest(prefix):
                if found is None:
                    self.fails(USAGE, "keys", "--prefix", prefix)
                else:
                    self.assertEqual(set(self.list("--prefix", prefix)), found)

    def test_a_listing_that_a_limit_cuts_goes_on_with_the_cursor(self):
        everything = {f"key{n}" for n in range(25)}
        self.fill(everything)
        seen, cursor = [], []
        for _ in range(4):
            res = self.run_larder("keys", "--limit", "7", *cursor)
            self.assertEqual(res.returncode, FINE)
            seen += res.stdout.splitlines()
            if not res.stderr:
                break
            last = res.stderr.splitlines()[-1]
            self.assertRegex(last, r"^next \S+$")
            cursor = ["--after", last.removeprefix("next ")]
        self.assertEqual(res.stderr, "")
        self.assertEqual(len(seen), 25)
        self.assertEqual({key.strip('"') for key in seen}, everything)

    def test_json_has_the_cursor_in_a_field(self):
        everything = {f"key{n}" for n in range(10)}
        self.fill(everything)
        first = self.json("keys", "--limit", "6")
        self.assertEqual(len(first["keys"]), 6)
        second = self.json("keys", "--limit", "6", "--after", first["next"])
        self.assertEqual(set(first["keys"] + second["keys"]), everything)
        self.assertIsNone(second["next"])

    def test_a_limit_that_is_just_enough_cuts_nothing(self):
        self.fill(["a", "b", "c"])
        for limit in ["3", "4", "1000000"]:
            self.assertEqual(len(self.list("--limit", limit)), 3)
        self.assertNotEqual(
            self.run_larder("keys", "--limit", "2").stderr, "")

    def test_a_cursor_that_no_listing_gave_is_wrong_usage(self):
        self.fill(["a", "b", "c"])
        self.fails(USAGE, "keys", "--after", "bogus\x01")

    def test_more_keys_than_fit_into_a_page_are_listed_once_each(self):
        everything = [f"key{n}" for n in range(2500)]
        self.fill(everything)
        self.assertEqual(sorted(self.list()),
                         sorted(f'"{key}"' for key in everything))

    def test_long_prints_metadata(self):
        revision = self.larder("put", "k", "1", "--meta", "{:a 1}", "--ttl",
                               "1h")
        self.larder("write", "b", "-", stdin="x")
        lines = sorted(self.list("--long"))
        self.assertEqual(len(lines), 2)
        self.assertEqual({self.larder("meta", "k"), self.larder("meta", "b")},
                         set(lines))
        self.assertIn(revision, "".join(lines))
        self.assertEqual(len(self.json("keys", "--long")["keys"]), 2)


class Verify(LarderTest):

    def setUp(self):
        super().setUp()
        for n in range(5):
            self.larder("put", f"value{n}", '{:text "some words"}')
        self.larder("write", "binary0", "-", stdin=bytes(600_000))

    def test_a_healthy_store_passes(self):
        report = self.json("verify")
        text = self.larder("verify")
        self.assertIn(":keys 6", text)
        self.assertIn(":damaged []", text)
        self.assertEqual(len(report), 3)

    def test_every_damaged_key_is_listed_with_its_cause(self):
        self.flip(self.blob("value1"), -40)
        self.flip(self.blob("binary0"), 300_000)
        blob = self.blob("value3")
        blob.write_bytes(blob.read_bytes()[:70])
        res = self.run_larder("verify")
        self.assertEqual(res.returncode, FAILED)
        lines = res.stderr.splitlines()
        self.assertEqual(len(lines), 3)
        for key in ["value1", "binary0", "value3"]:
            line = [text for text in lines if f'larder: "{key}": ' in text]
            self.assertEqual(len(line), 1, lines)
            self.assertIn(f':key "{key}"', res.stdout)
        self.assertIn(":corruption", res.stdout)
        self.assertIn(":keys 6", res.stdout)

    def test_a_damaged_value_is_refused_by_name(self):
        self.flip(self.blob("value1"), -40)
        self.assertIn('"value1"', self.fails(FAILED, "get", "value1"))
        self.assertIn('"value1"',
                      self.fails(FAILED, "update", "value1", ":n", "--fn",
                                 "inc"))
        self.assertEqual(self.larder("get", "value2", ":text"), '"some words"')

    def test_every_flipped_byte_is_noticed(self):
        blob = self.blob("value1")
        healthy = blob.read_bytes()
        for position in range(0, len(healthy), 13):
            self.flip(blob, position)
            res = self.run_larder("get", "value1")
            self.assertNotEqual(res.returncode, FINE, position)
            self.assertEqual(res.stdout, "")
            self.assert_message(res.stderr)
            blob.write_bytes(healthy)

    def sqlite_store(self, *keys):
        store = "sqlite:data.db"
        for key in keys:
            res = self.run_larder("put", key, "1", store=store)
            if "no engine" in res.stderr:
                self.skipTest("built without SQLite")
            self.assertEqual(res.returncode, FINE, res.stderr)
        return store

    def test_a_key_that_the_listing_finds_damaged_is_damaged(self):
        store = self.sqlite_store("gone", "sound")

        def change(key):
            with contextlib.closing(
                    sqlite3.connect(self.folder / "data.db")) as database:
                database.execute(
                    "UPDATE blobs SET key = ? WHERE key != ?",
                    (key, b'"sound'))
                database.commit()

        # Not a key; the key of another blob.
        for key in [b"bgone", b'"gane']:
            change(key)
            res = self.run_larder("verify", store=store)
            self.assertEqual(res.returncode, FAILED, key)
            self.assert_message(res.stderr)
            self.assertEqual(res.stdout.count(":corruption"), 1)
            self.assertIn(":keys 2", res.stdout)
        change(b'"gone')
        self.assertIn(":damaged []", self.larder("verify", store=store))

    def test_a_key_that_is_listed_but_not_found_is_damaged(self):
        store = self.sqlite_store("aaaa", "bbbb", "cccc")
        path = self.folder / "data.db"
        # Now the index says that all keys before "cccc" are before this one.
        path.write_bytes(path.read_bytes().replace(b'"bbbb', b'!bbbb'))
        self.fails(NOT_FOUND, "get", "aaaa", store=store)
        res = self.run_larder("verify", store=store)
        self.assertEqual(res.returncode, FAILED)
        self.assertEqual(len(res.stderr.splitlines()), 2)
        self.assertIn('larder: "aaaa": ', res.stderr)
        self.assertIn(":keys 3", res.stdout)
        self.assertNotIn('"cccc"', res.stdout)

    def test_a_listing_does_not_hide_damaged_metadata(self):
        self.flip(self.blob("value1"), 30)
        res = self.run_larder("keys", "--long")
        self.assertEqual(res.returncode, FAILED)
        self.assertIn('"value1"', res.stderr)
        self.assertEqual(len(res.stdout.splitlines()), 6)
        self.assertIn('"value1"', self.larder("keys"))


if __name__ == "__main__":
    unittest.main()
