# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""import and export."""

import base64
import json
import os
import pathlib
import pty
import random
import subprocess
import unittest

from support import FAILED, FINE, LARDER, USAGE, LarderTest

SUBDIVISIONS = pathlib.Path("/usr/share/iso-codes/json/iso_3166-2.json")


class Import(LarderTest):

    def setUp(self):
        super().setUp()
        self.store += "?sync=off"

    def load(self, text, *args):
        return self.larder("import", "-", "--key", "id", *args, stdin=text)

    def test_lines_and_arrays_are_told_apart(self):
        lines = '{"id":"a","n":1}\n\n  {"id":"b","n":2}\r\n{"id":"c"}'
        array = '\n [{"id":"a","n":1} ,\n{"id":"b","n":2},{"id":"c"}]\n'
        pretty = json.dumps(json.loads(array), indent=4)
        for text in [lines, array, pretty, "\ufeff" + lines, "\ufeff" + array]:
            with self.subTest(text):
                self.assertEqual(self.load(text), "{:imported 3}")
                self.assertEqual(self.json("get", "b"), {"id": "b", "n": 2})
                self.assertEqual(self.json("keys")["keys"], ["a", "b", "c"])
                self.larder("destroy", "--yes")

    def test_nothing_is_an_import_of_nothing(self):
        for text in ["", "\n \n", "[]", " [ ] "]:
            self.assertEqual(self.load(text), "{:imported 0}")
        self.assertEqual(self.larder("keys"), "")

    def test_brackets_and_quotes_inside_strings_do_not_end_a_record(self):
        records = [{"id": "a", "s": 'x],}{["\\'}, {"id": "b", "s": '\\"],['},
                   {"id": "c", "s": [["]"], {"}": ","}]}]
        self.load(json.dumps(records))
        for record in records:
            self.assertEqual(self.json("get", record["id"]), record)

    def test_the_key_is_the_value_of_the_field(self):
        self.load('{"id": 5}\n{"id": "5"}\n{"id": [1, "x"]}\n{"id": true}\n')
        self.assertEqual(
            set(self.larder("keys").splitlines()),
            {"5", '"5"', '[1 "x"]', "true"})

    def test_with_a_prefix_the_key_is_text(self):
        self.load('{"id": 5}\n{"id": "x"}\n', "--prefix", "n/")
        self.load('{"id": "x"}\n', "--prefix", ":n/")
        self.assertEqual(set(self.larder("keys").splitlines()),
                         {'"n/5"', '"n/x"', ":n/x"})
        self.assertEqual(self.json("get", "n/x"), {"id": "x"})
        self.fails(USAGE, "import", "-", "--key", "id", "--prefix", '"x')

    def test_a_bad_record_is_named_and_what_came_before_is_counted(self):
        good = '{"id":"a"}\n{"id":"b"}\n'
        for bad, hint in [("{\n", "line 3"), ('{"x":1}\n', '"id"'),
                          ('{"id":null}\n', '"id"'), ("5\n", "object"),
                          ('{"id":"c"} x\n', "line 3")]:
            with self.subTest(bad):
                res = self.run_larder("import", "-", "--key", "id",
                                      stdin=good + bad + '{"id":"z"}\n')
                self.assertEqual(res.returncode, FAILED)
                self.assert_message(res.stderr)
                self.assertIn("line 3", res.stderr)
                self.assertIn(hint, res.stderr)
                self.assertIn("2 records", res.stderr)
                self.assertEqual(res.stdout, "{:imported 2}\n")
                self.assertEqual(self.json("keys")["keys"], ["a", "b"])

    def test_a_broken_array_is_an_error(self):
        for text, hint in [('[{"id":"a"}', "not closed"),
                           ('[{"id":"a"},]', "line 1"),
                           ('[{"id":"a"}]\n x', "line 2"),
                           ('[{"id":"a"} {"id":"b"}]', "line 1"),
                           ("[", "not closed"), ("[,]", "line 1")]:
            with self.subTest(text):
                res = self.run_larder("import", "-", "--key", "id", stdin=text)
                self.assertEqual(res.returncode, FAILED, res.stderr)
                self.assert_message(res.stderr)
                self.assertIn(hint, res.stderr)

    def test_a_terminal_sees_progress_and_a_pipe_does_not(self):
        (self.folder / "in").write_text('{"id":"a"}\n' * 1000)
        master, slave = pty.openpty()
        with subprocess.Popen(
                [LARDER, "--store", self.store, "import", "in", "--key", "id"],
                stderr=slave, stdout=subprocess.PIPE,
                cwd=self.folder) as process:
            os.close(slave)
            shown = b""
            try:
                while piece := os.read(master, 1000):
                    shown += piece
            except OSError:  # how the end of a terminal is told
                pass
            os.close(master)
            self.assertEqual(process.stdout.read(), b"{:imported 1000}\n")
        self.assertEqual(process.returncode, FINE)
        self.assertIn(b"records", shown)
        self.assertIn(b"%", shown)

    def test_many_records_keep_their_order_per_key(self):
        lines = "".join(f'{{"id":"k{n % 7}","n":{n}}}\n' for n in range(3000))
        self.assertEqual(self.load(lines), "{:imported 3000}")
        for n in range(2993, 3000):
            self.assertEqual(self.json("get", f"k{n % 7}")["n"], n)


class Export(LarderTest):

    def test_one_key_and_value_per_line(self):
        self.larder("create")
        self.assertEqual(self.larder("export"), "")
        self.larder("put", "a", '{:x "line\nbreak"}')
        self.larder("put", ":b", "nil")
        self.assertEqual(set(self.larder("export").splitlines()),
                         {'["a" {:x "line\\nbreak"}]', "[:b nil]"})
        self.assertEqual(self.larder("export", "--prefix", ":"), "[:b nil]")

    def test_json_has_one_object_per_line(self):
        self.larder("--json", "put", "a", '{"x": 1}')
        self.larder("write", "b", "-", stdin=b"\x00\xff")
        lines = self.larder("--json", "export").splitlines()
        self.assertEqual(
            sorted((json.loads(line) for line in lines),
                   key=lambda x: x["key"]),
            [{"key": "a", "value": {"x": 1}},
             {"key": "b", "binary": "AP8="}])

    def test_binaries_are_tagged_base64(self):
        for size in [0, 1, 2, 3, 1000, 3_000_001]:
            data = random.Random(size).randbytes(size)
            self.larder("write", "k", "-", stdin=data)
            line = self.larder("export")
            start, end = '["k" #larder.export/binary "', '"]'
            self.assertTrue(line.startswith(start) and line.endswith(end))
            text = line.removeprefix(start).removesuffix(end)
            self.assertEqual(base64.b64decode(text, validate=True), data)
        self.larder("put", "entry", "-", stdin=line)

    def test_damaged_keys_are_named_and_the_others_exported(self):
        for key in ["a", "b", "c"]:
            self.larder("put", key, "1")
        self.larder("write", "d", "-", stdin=bytes(1000))
        self.flip(self.blob("b"), -40)
        self.flip(self.blob("d"), 400)
        res = self.run_larder("export")
        self.assertEqual(res.returncode, FAILED)
        self.assertEqual(set(res.stdout.splitlines()), {'["a" 1]', '["c" 1]'})
        self.assertIn('"b"', res.stderr)
        self.assertIn('"d"', res.stderr)
        self.assertIn("2 keys", res.stderr)


@unittest.skipUnless(SUBDIVISIONS.exists(), "the package iso-codes is missing")
class RealData(LarderTest):

    def test_the_subdivisions_of_all_countries_survive(self):
        records = json.loads(SUBDIVISIONS.read_text())["3166-2"]
        (self.folder / "in.json").write_text(json.dumps(records))
        uri = self.store + "?compressor=lz4&sync=off"
        self.assertEqual(
            self.larder("import", "in.json", "--key", "code", "--prefix",
                        "iso/", store=uri), f"{{:imported {len(records)}}}")
        lines = self.larder("--json", "export").splitlines()
        exported = [json.loads(line) for line in lines]
        self.assertEqual(len(exported), len(records))
        by_key = {entry["key"]: entry["value"] for entry in exported}
        self.assertEqual(by_key, {"iso/" + x["code"]: x for x in records})
        self.assertIn(f":keys {len(records)}", self.larder("verify"))
        # What was exported can be imported again.
        values = "".join(json.dumps(x["value"]) + "\n" for x in exported)
        self.larder("import", "-", "--key", "code", stdin=values,
                    store="file:again?sync=off")
        again = self.larder("--json", "export", store="file:again")
        self.assertEqual(len(again.splitlines()), len(records))


if __name__ == "__main__":
    unittest.main()
