# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""put, get, update, erase, exists and meta."""

import re
import unittest

from support import FAILED, FINE, NOT_FOUND, PRECONDITION, USAGE, LarderTest


class Arguments(LarderTest):

    def put_and_get(self, value):
        self.larder("put", "k", value)
        return self.larder("get", "k")

    def test_what_starts_like_edn_is_edn(self):
        for text, stored in [
                ("blue", '"blue"'), ("a b", '"a b"'), ("", '""'),
                ("- 5", '"- 5"'), ("x-1", '"x-1"'), ("nil?", '"nil?"'),
                ("trueish", '"trueish"'), (" 5", '" 5"'), ("+5", '"+5"'),
                ("ä€😀", '"ä€😀"'), ("{}", "{}"), ("[]", "[]"),
                ("[1,2]", "[1 2]"), ("%%", '"%%"'), ("++", '"++"'),
                (":kw", ":kw"), (":ns/kw", ":ns/kw"), ('"text"', '"text"'),
                ("5", "5"), ("-5", "-5"), ("1.5", "1.5"), ("-0.5", "-0.5"),
                ("nil", "nil"), ("true", "true"), ("false", "false"),
                ("(1 2)", "(1 2)"), ("#{1}", "#{1}"), ("##Inf", "##Inf"),
                ("12345678901234567890", "12345678901234567890N"),
                ("1.50M", "1.50M"), ("#my/point [1 2]", "#my/point [1 2]"),
                ('#inst "2024-01-01T00:00:00.000-00:00"',
                 '#inst "2024-01-01T00:00:00.000-00:00"'),
        ]:
            with self.subTest(text):
                self.assertEqual(self.put_and_get(text), stored)

    def test_edn_reads_symbols_and_characters(self):
        for text in ["blue", "\\a", "ns/name", "[a \\b]"]:
            with self.subTest(text):
                self.larder("--edn", "put", '"k"', text)
                self.assertEqual(self.larder("get", "k"), text)
        self.larder("--edn", "put", "sym", "1")
        self.assertEqual(self.larder("--edn", "get", "sym"), "1")
        self.fails(NOT_FOUND, "get", "sym")

    def test_json_reads_and_prints_json(self):
        self.larder("--json", "put", "k", '{"a": [1, 2.5, null, "x"]}')
        self.assertEqual(self.json("get", "k"), {"a": [1, 2.5, None, "x"]})
        self.assertEqual(self.larder("get", "k"), '{"a" [1 2.5 nil "x"]}')
        self.assertEqual(self.json("get", "k", "a", "1"), 2.5)
        self.assertEqual(self.json("get", "x", "--default", '{"b":1}'),
                         {"b": 1})
        self.assertEqual(self.json("update", "k", "a", "0", "--fn", "add", "2"),
                         [1, 3])

    def test_standard_input_and_files_hold_values(self):
        (self.folder / "v.edn").write_text('\n  {:a\n   "x"}\n')
        (self.folder / "v.txt").write_text("two\nlines\n")
        self.assertEqual(self.put_and_get("@v.edn"), '{:a "x"}')
        self.assertEqual(self.put_and_get("@v.txt"), '"two\\nlines"')
        for text, stored in [("{:b 2}\n", "{:b 2}"), ("hello\n", '"hello"'),
                             ("hello", '"hello"'), ("hi\n\n", '"hi\\n"'),
                             ("", '""'), ("nil\n", "nil")]:
            with self.subTest(text):
                self.larder("put", "k", "-", stdin=text)
                self.assertEqual(self.larder("get", "k"), stored)
        self.larder("--json", "put", "k", "-", stdin='{"a": 1}\n')
        self.assertEqual(self.larder("get", "k"), '{"a" 1}')
        self.larder("put", "k", '"@v.txt"')
        self.assertEqual(self.larder("get", "k"), '"@v.txt"')

    def test_what_get_prints_can_be_put_again(self):
        text = r'{:a [1 2.5 nil] "b\n" #{\x sym} (1N) {:c #uuid ' \
            r'"00000000-0000-0000-0000-000000000001"}}'
        self.larder("put", "k", text)
        printed = self.larder("get", "k")
        self.larder("put", "again", "-", stdin=printed)
        self.assertEqual(self.larder("get", "again"), printed)


class Keys(LarderTest):

    def test_any_key_works(self):
        for key in ["", "-5", "5", "-", "@x", "a b", "a/b", "..", ".", "%", "~",
                    "ä€😀", "x" * 5000, "€" * 1700, "\x01\x02\t\n\r\x1b\x7f",
                    "--", "[1 [2]]", "{:a {:b 1}}", "#{1 2}", "nil", "true",
                    ":kw", ":ns/kw", "1.5", "##NaN", '""', '"quoted"', "put",
                    "a%2Fb", "con", "CON", "con.", "a\\b", "'", '\\"']:
            with self.subTest(key[:20]):
                args = ["--", key] if key == "--" else [key]
                self.larder("put", *args, "v1")
                self.larder("put", *args, "v2")
                self.assertEqual(self.larder("get", *args), '"v2"')
                self.assertEqual(self.larder("exists", *args), "true")
                self.larder("erase", *args)
                self.fails(NOT_FOUND, "get", *args)

    def test_keys_that_look_alike_are_different(self):
        keys = ["1", '"1"', "1.0", "[1]", "(1)", ":a", '":a"', "a", "A",
                "", "nil", '"nil"', "#{}", "{}", "[]", "()"]
        for n, key in enumerate(keys):
            self.larder("put", key, str(n))
        for n, key in enumerate(keys):
            self.assertEqual(self.larder("get", key), str(n), key)

    def test_options_end_at_two_minuses(self):
        self.larder("put", "--", "--ttl", "-x")
        self.assertEqual(self.larder("get", "--", "--ttl"), '"-x"')
        self.larder("put", "k", "--", "--")
        self.assertEqual(self.larder("get", "k"), '"--"')

    def test_what_follows_an_option_is_its_value(self):
        self.larder("create")
        self.assertEqual(self.larder("get", "x", "--default", "-5"), "-5")
        self.assertEqual(self.larder("get", "x", "--default", "--json"),
                         '"--json"')
        self.assertEqual(self.larder("get", "x", "--default", ""), '""')
        self.assertEqual(self.larder("get", "x", "--default="), '""')
        self.assertEqual(self.larder("get", "x", "--default={}"), "{}")

    def test_a_message_about_a_key_is_one_short_line(self):
        self.larder("create")
        for key in ["\x1b[31m\n\r", "x" * 5000, "€" * 1700, "'"]:
            self.assertLess(
                len(self.fails(NOT_FOUND, "get", "--", key)), 400)


class Paths(LarderTest):

    def setUp(self):
        super().setUp()
        self.larder("put", "k", '{:a {"b" [10 [20 21]]} :s "text" :n nil '
                    ':f false 5 :five}')

    def test_get_follows_a_path(self):
        for path, found in [([":a", "b", "0"], "10"),
                            ([":a", "b", "1", "1"], "21"), ([":n"], "nil"),
                            ([":f"], "false"), (["5"], ":five")]:
            self.assertEqual(self.larder("get", "k", *path), found)
            self.assertEqual(self.larder("exists", "k", *path), "true")

    def test_a_path_that_leads_nowhere_is_not_found(self):
        for path in [[":x"], [":a", "x"], [":a", "b", "2"], [":a", "b", "-1"],
                     [":a", "b", "0", "0"], [":s", "0"], [":s", ":x", ":y"],
                     [":n", ":x"], [":x", ":y", ":z"], [":a", "b", ":x"]]:
            with self.subTest(path):
                self.assertIn('"k"', self.fails(NOT_FOUND, "get", "k", *path))
                self.assertEqual(self.larder("get", "k", *path, "--default",
                                             ":none"), ":none")
                self.assertEqual(self.larder("exists", "k", *path,
                                             code=NOT_FOUND), "false")
        self.fails(NOT_FOUND, "get", "x", ":y")
        self.assertEqual(self.larder("exists", "x", code=NOT_FOUND), "false")

    def test_a_stored_nil_is_found(self):
        self.assertEqual(self.larder("get", "k", ":n", "--default", "1"), "nil")
        self.assertEqual(self.larder("get", "k", ":f", "--default", "1"),
                         "false")

    def test_put_makes_missing_maps_and_appends(self):
        self.larder("put", "new", ":x", ":y", "1")
        self.assertEqual(self.larder("get", "new"), "{:x {:y 1}}")
        self.larder("put", "k", ":a", "b", "2", "99")
        self.assertEqual(self.larder("get", "k", ":a", "b"), "[10 [20 21] 99]")

    def test_writing_through_a_scalar_or_past_an_end_is_an_error(self):
        before = self.larder("get", "k")
        self.fails(FAILED, "put", "k", ":s", "0", "1")
        self.fails(FAILED, "put", "k", ":a", "b", "7", "1")
        self.fails(FAILED, "update", "k", ":s", ":x", "--fn", "inc")
        self.assertEqual(self.larder("get", "k"), before)

    def test_erase_by_path_removes_what_is_there(self):
        self.assertEqual(self.larder("erase", "k", ":a", "b", "0"), "")
        self.assertEqual(self.larder("get", "k", ":a", "b"), "[[20 21]]")
        self.fails(NOT_FOUND, "erase", "k", ":nothing")
        self.fails(NOT_FOUND, "erase", "x", ":y")


class Updates(LarderTest):

    def update(self, *args):
        return self.larder("update", *args)

    def test_update_prints_old_and_new(self):
        self.assertEqual(self.update("n", "--fn", "inc"), "[nil 1]")
        self.assertEqual(self.update("n", "--fn", "inc"), "[1 2]")
        self.assertEqual(self.update("n", "--fn", "dec"), "[2 1]")
        self.assertEqual(self.update("n", "--fn", "add", "-5"), "[1 -4]")
        self.assertEqual(self.update("m", ":a", "--fn", "dec"), "[nil -1]")
        self.assertEqual(self.update("v", "--fn", "conj", "x"), '[nil ["x"]]')
        self.assertEqual(self.update("v", "--fn", "conj", ":y"),
                         '[["x"] ["x" :y]]')
        self.larder("put", "m", "{:a {:b 1}}")
        self.assertEqual(
            self.update("m", "--fn", "merge", "{:a {:c 2}}"),
            "[{:a {:b 1}} {:a {:b 1, :c 2}}]")

    def test_arguments_may_be_options_lookalikes_behind_the_function(self):
        self.assertEqual(self.update("v", "--fn", "conj", "--", "--ttl"),
                         '[nil ["--ttl"]]')
        self.assertEqual(self.update("n", "--fn", "add", "--store",
                                     self.store, "7"), "[nil 7]")

    def test_an_overflow_is_an_error(self):
        self.larder("put", "n", str(2**63 - 1))
        self.fails(FAILED, "update", "n", "--fn", "inc")
        self.assertEqual(self.larder("get", "n"), str(2**63 - 1))

    def test_a_function_that_does_not_fit_is_an_error(self):
        self.larder("put", "s", "text")
        self.fails(FAILED, "update", "s", "--fn", "inc")
        self.assertIn("bogus", self.fails(FAILED, "update", "s", "--fn",
                                          "bogus"))
        self.fails(USAGE, "update", "n", "--fn", "inc", "1", "2")

    def test_swap_if_changes_what_is_as_expected(self):
        self.larder("put", "state", ":idle")
        self.assertEqual(
            self.update("state", "--fn", "swap-if", ":idle", ":busy"),
            "[:idle :busy]")
        self.fails(PRECONDITION, "update", "state", "--fn", "swap-if", ":idle",
                   ":busy")
        self.assertEqual(self.larder("get", "state"), ":busy")


class Conditions(LarderTest):

    def test_if_absent_puts_once(self):
        self.larder("put", "k", "1", "--if-absent")
        self.fails(PRECONDITION, "put", "k", "2", "--if-absent")
        self.assertEqual(self.larder("get", "k"), "1")

    def test_put_prints_the_revision_that_if_revision_wants(self):
        first = self.larder("put", "k", "1")
        self.assertRegex(first, "^[0-9a-f]{32}$")
        second = self.larder("put", "k", "2", "--if-revision", first)
        self.assertNotEqual(first, second)
        self.fails(PRECONDITION, "put", "k", "3", "--if-revision", first)
        self.fails(PRECONDITION, "update", "k", "--fn", "inc", "--if-revision",
                   first)
        self.fails(PRECONDITION, "erase", "k", "--if-revision", first)
        self.assertEqual(self.larder("get", "k"), "2")
        self.assertEqual(
            self.larder("update", "k", "--fn", "inc", "--if-revision", second),
            "[2 3]")
        revision = re.search(r':revision "(\w+)"', self.larder("meta", "k"))[1]
        self.larder("erase", "k", "--if-revision", revision)
        self.assertRegex(self.json("put", "k", "1"), "^[0-9a-f]{32}$")

    def test_if_revision_on_a_missing_key_is_a_failed_precondition(self):
        self.larder("create")
        self.fails(PRECONDITION, "put", "x", "1", "--if-revision", "1" * 32)


class Metadata(LarderTest):

    def test_meta_prints_a_map(self):
        revision = self.larder("put", "k", "1", "--meta", '{:by "me"}')
        meta = self.larder("meta", "k")
        for entry in [':key "k"', ":type :edn", ':by "me"',
                      f':revision "{revision}"']:
            self.assertIn(entry, meta)
        self.assertRegex(meta, r':last-write #inst "20\d\d-')
        self.assertNotIn(":expiry", meta)
        self.assertIsInstance(self.json("meta", "k"), dict)
        self.fails(NOT_FOUND, "meta", "x")

    def test_extras_stay_until_they_are_replaced(self):
        self.larder("put", "k", "1", "--meta", "{:a 1, :b 2}")
        self.larder("put", "k", "2")
        self.assertIn(":a 1", self.larder("meta", "k"))
        self.larder("put", "k", "3", "--meta", "{:b 3}")
        meta = self.larder("meta", "k")
        self.assertIn(":a 1", meta)
        self.assertIn(":b 3", meta)

    def test_json_metadata(self):
        self.larder("--json", "put", "k", "1", "--meta", '{"by": "me"}')
        self.assertEqual(self.json("meta", "k")["by"], "me")


class TimeToLive(LarderTest):

    def has_expiry(self, key):
        return ":expiry" in self.larder("meta", key)

    def wait_until_absent(self, key):
        for _ in range(1000):
            if self.run_larder("exists", key).returncode == NOT_FOUND:
                return
        self.fail("the key lives on")

    def test_an_expired_key_is_absent_for_every_command(self):
        self.larder("put", "k", "{:a 1}", "--ttl", "1ms")
        self.wait_until_absent("k")
        self.fails(NOT_FOUND, "get", "k")
        self.fails(NOT_FOUND, "get", "k", ":a")
        self.fails(NOT_FOUND, "meta", "k")
        self.fails(NOT_FOUND, "erase", "k")
        self.assertEqual(self.larder("keys"), "")
        self.assertEqual(self.larder("export"), "")
        self.larder("put", "k", "2", "--if-absent")
        self.assertEqual(self.larder("get", "k"), "2")

    def test_all_units_are_understood(self):
        for ttl in ["600000ms", "600s", "10m", "10h", "10d"]:
            self.larder("put", "k", "1", "--ttl", ttl)
            self.assertTrue(self.has_expiry("k"))
        self.larder("put", "k", "1", "--ttl", "0")
        self.assertFalse(self.has_expiry("k"))

    def test_a_whole_put_ends_the_time_to_live_and_a_put_by_path_keeps_it(self):
        self.larder("put", "k", "{}", "--ttl", "1h", "--meta", "{:by 1}")
        expiry = re.search(r':expiry (#inst "[^"]+")', self.larder("meta", "k"))
        self.larder("put", "k", ":a", "1")
        self.assertIn(expiry[0], self.larder("meta", "k"))
        self.assertIn(":by 1", self.larder("meta", "k"))
        self.larder("update", "k", ":a", "--fn", "inc")
        self.assertIn(expiry[0], self.larder("meta", "k"))
        self.larder("update", "k", ":a", "--fn", "inc", "--ttl", "2h")
        self.assertNotIn(expiry[0], self.larder("meta", "k"))
        self.assertTrue(self.has_expiry("k"))
        self.larder("put", "k", "{}")
        self.assertFalse(self.has_expiry("k"))
        self.assertIn(":by 1", self.larder("meta", "k"))


class Erase(LarderTest):

    def test_erase_of_what_is_not_there_is_not_found(self):
        self.larder("put", "k", "1")
        self.assertEqual(self.larder("erase", "k", code=FINE), "")
        self.assertIn('"k"', self.fails(NOT_FOUND, "erase", "k"))


if __name__ == "__main__":
    unittest.main()
