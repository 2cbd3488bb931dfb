# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""append, log, truncate; erase and meta of logs."""

import json
import unittest

from support import FAILED, NOT_FOUND, PRECONDITION, USAGE, LarderTest


class Logs(LarderTest):

    def lines(self, *args, **options):
        return self.larder(*args, **options).splitlines()

    def entries(self, *args):
        return self.lines("log", "l", *args)

    def test_append_prints_positions_and_log_the_entries(self):
        self.assertEqual(self.larder("append", "l", ":a"), "0")
        self.assertEqual(self.lines("append", "l", "text", "{:x 1}"),
                         ["1", "2"])
        self.assertEqual(self.entries(),
                         ["[0 :a]", '[1 "text"]', "[2 {:x 1}]"])
        self.assertEqual(
            [json.loads(line) for line in self.entries("--json")],
            [{"position": 0, "value": "a"}, {"position": 1, "value": "text"},
             {"position": 2, "value": {"x": 1}}])

    def test_values_come_from_elsewhere_as_in_put(self):
        (self.folder / "in").write_text("[:from :file]\n")
        self.larder("append", "l", "@in", "-", stdin="5")
        self.assertEqual(self.entries(), ["[0 [:from :file]]", "[1 5]"])

    def test_a_part_of_a_log_can_be_read(self):
        self.larder("append", "l", *"0123456789")
        self.assertEqual(self.entries("--from", "8"), ["[8 8]", "[9 9]"])
        self.assertEqual(self.entries("--newest", "2"), ["[8 8]", "[9 9]"])
        self.assertEqual(len(self.entries("--newest", "100")), 10)
        self.assertEqual(self.entries("--from", "10"), [])
        self.assertEqual(self.entries("--from", "8", "--limit", "2"),
                         ["[8 8]", "[9 9]"])
        res = self.run_larder("log", "l", "--from", "3", "--limit", "2")
        self.assertEqual((res.returncode, res.stdout, res.stderr),
                         (0, "[3 3]\n[4 4]\n", "next 5\n"))

    def test_long_logs_are_read_to_their_end(self):
        n = 2500
        values = [str(i) for i in range(n)]
        self.assertEqual(self.lines("append", "l", *values),
                         [str(i) for i in range(n)])
        expected = [f"[{i} {i}]" for i in range(n)]
        self.assertEqual(self.entries(), expected)
        self.assertEqual(self.entries("--newest", "1500"), expected[1000:])
        self.assertEqual(self.entries("--from", "7"), expected[7:])

    def test_truncate_removes_what_is_before_a_position(self):
        self.larder("append", "l", *"01234")
        self.assertEqual(self.larder("truncate", "l", "3"), "3")
        self.assertEqual(self.larder("truncate", "l", "3"), "0")
        self.assertEqual(self.entries(), ["[3 3]", "[4 4]"])
        self.assertEqual(self.larder("truncate", "l", "5"), "2")
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.larder("append", "l", ":next"), "5")
        self.fails(FAILED, "truncate", "l", "7")

    def test_a_log_is_one_key(self):
        self.larder("append", "l", "1", "2", "--meta", '{:by "me"}', "--ttl",
                    "1h")
        self.assertEqual(self.larder("keys"), '"l"')
        meta = self.larder("meta", "l")
        for part in [":type :append-log", ':by "me"', ":expiry"]:
            self.assertIn(part, meta)
        self.assertEqual(self.larder("exists", "l"), "true")
        self.larder("verify")
        self.larder("erase", "l")
        self.assertEqual(self.larder("keys"), "")
        self.assertEqual(self.larder("append", "l", ":again"), "0")

    def test_conditions_hold_for_logs(self):
        self.larder("append", "l", "1", "--if-absent")
        self.fails(PRECONDITION, "append", "l", "1", "--if-absent")
        wrong = "0" * 31 + "1"
        self.fails(PRECONDITION, "append", "l", "1", "--if-revision", wrong)
        self.fails(PRECONDITION, "truncate", "l", "1", "--if-revision", wrong)
        self.assertEqual(self.entries(), ["[0 1]"])

    def test_logs_values_and_binaries_are_told_apart(self):
        self.larder("append", "l", "1")
        self.larder("put", "v", "1")
        self.larder("write", "b", "-", stdin="bytes")
        for args in [["get", "l"], ["read", "l"]]:
            self.assertIn("holds a log: use larder log",
                          self.fails(FAILED, *args))
        for args in [["append", "v", "1"], ["log", "v"], ["truncate", "v", "0"]]:
            self.assertIn("holds a value: use larder get",
                          self.fails(FAILED, *args))
        for args in [["append", "b", "1"], ["log", "b"], ["truncate", "b", "0"]]:
            self.assertIn("holds a binary: use larder read",
                          self.fails(FAILED, *args))
        self.fails(FAILED, "put", "l", "1")
        self.assertEqual(self.entries(), ["[0 1]"])

    def test_a_batch_that_meets_a_log(self):
        self.larder("append", "l", "1")
        self.assertIn('"l"', self.fails(FAILED, "mput", "a", "1", "l", "2"))
        self.assertEqual(self.larder("keys"), '"l"')
        res = self.run_larder("mput", "a", "1", "l", "2", "c", "3",
                              "--best-effort")
        self.assertEqual(res.returncode, FAILED)
        self.assertRegex(res.stdout, r'^\["a" "[0-9a-f]{32}"\]\n$')
        refused, untouched = res.stderr.splitlines()
        self.assertIn('"l": ', refused)
        self.assertIn('"c": ', untouched)
        self.assertEqual(self.lines("mget", "a", "c", code=NOT_FOUND),
                         ['["a" 1]'])
        self.assertIn('"l"', self.fails(FAILED, "mget", "a", "l"))
        self.assertEqual(self.lines("merase", "l", "a"),
                         ['["l" true]', '["a" true]'])

    def test_what_is_missing_is_not_found(self):
        self.larder("create")
        self.fails(NOT_FOUND, "log", "l")
        self.fails(NOT_FOUND, "truncate", "l", "0")
        self.assertEqual(self.larder("keys"), "")

    def test_arguments_that_make_no_sense_are_refused(self):
        for args in [["append", "l"], ["append", "l", "[1"], ["log"],
                     ["log", "l", "--limit", "0"], ["log", "l", "--newest", "0"],
                     ["log", "l", "--from", "-1"], ["log", "l", "--from", "x"],
                     ["log", "l", "--newest", "1", "--from", "1"],
                     ["log", "l", "--newest", "1", "--limit", "1"],
                     ["truncate", "l"], ["truncate", "l", "x"],
                     ["append", "l", "1", "--if-absent", "--if-revision",
                      "0" * 32]]:
            with self.subTest(args):
                self.fails(USAGE, *args)
        self.assertFalse((self.folder / "store").exists())


if __name__ == "__main__":
    unittest.main()
