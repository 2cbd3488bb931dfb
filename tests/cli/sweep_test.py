# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""sweep."""

import datetime
import os
import subprocess
import unittest

from support import FAILED, LARDER, TIMEOUT, USAGE, LarderTest


class Sweep(LarderTest):

    def fill(self, *keys):
        for key in keys:
            self.larder("put", key, "1", store=self.store + "?sync=off")

    def keep(self, *lines):
        (self.folder / "keep").write_text("".join(x + "\n" for x in lines))

    def sweep(self, *args, **options):
        return sorted(self.larder("sweep", "--keep", "keep", *args,
                                  **options).splitlines())

    def keys(self):
        return sorted(self.larder("keys").splitlines())

    def test_what_is_not_in_the_file_is_deleted_and_printed(self):
        self.fill("a", "b", "c d", ":kw", "[1 2]", "5")
        self.keep("a", '"c d"', "[1 2]", "unknown")
        self.assertEqual(self.sweep(), ['"b"', "5", ":kw"])
        self.assertEqual(self.keys(), ['"a"', '"c d"', "[1 2]"])
        self.assertEqual(self.sweep(), [])

    def test_the_output_of_keys_is_a_list_of_keys(self):
        self.fill("a", "line\nbreak", "", ":kw", "tail ")
        (self.folder / "keep").write_text(self.larder("keys") + "\n")
        self.fill("later")
        self.assertEqual(self.sweep(), ['"later"'])
        self.assertEqual(len(self.keys()), 5)

    def test_a_dry_run_deletes_nothing(self):
        self.fill("a", "b")
        self.keep("a")
        self.assertEqual(self.sweep("--dry-run"), ['"b"'])
        self.assertEqual(self.keys(), ['"a"', '"b"'])

    def test_an_empty_file_keeps_nothing(self):
        self.fill("a", "b")
        self.keep()
        self.assertEqual(self.sweep(), ['"a"', '"b"'])
        self.assertEqual(self.keys(), [])

    def test_blank_lines_and_line_ends_of_windows_do_not_count(self):
        self.fill("a", "b")
        (self.folder / "keep").write_bytes(b"\r\na\r\n\n")
        self.assertEqual(self.sweep(), ['"b"'])

    def test_what_may_be_meant_is_kept(self):
        # Printed like strings that are typed without quotation marks.
        self.larder("--edn", "put", "foo", "1")
        self.larder("--edn", "put", "\\a", "1")
        self.fill("bar", " blank", "other")
        (self.folder / "keep").write_text(
            "\ufeff" + self.larder("keys", "--prefix", "ba") + '\n  "bar"\t\n'
            "foo\n\\a\n blank\n")
        self.assertEqual(self.sweep(), ['"other"'])
        self.assertEqual(len(self.keys()), 4)

    def test_a_sweep_whose_output_nobody_takes_tells_so(self):
        keys = [f"k{i}" for i in range(3000)]
        pairs = [x for key in keys for x in (key, "1")]
        self.larder("mput", *pairs, store=self.store + "?sync=off")
        self.keep()
        read_end, write_end = os.pipe()
        os.close(read_end)
        try:
            res = subprocess.run(
                [LARDER, "--store", self.store + "?sync=off", "sweep", "--keep",
                 "keep"], stdout=write_end, stderr=subprocess.PIPE,
                cwd=self.folder, timeout=TIMEOUT, check=False)
        finally:
            os.close(write_end)
        self.assertEqual(res.returncode, FAILED)
        self.assertIn(b"given up", res.stderr)
        self.assertTrue(self.keys())

    def test_the_list_may_come_from_standard_input(self):
        self.fill("a", "b")
        self.assertEqual(self.larder("sweep", "--keep", "-", stdin="b"), '"a"')

    def test_what_was_written_since_a_time_is_spared(self):
        self.fill("a")
        self.keep()
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        for stamp in ["2001-01-01", "2001-01-01T12:00:00Z", "-1h", "-30m",
                      '#inst "2001-01-01"', (now - day).date().isoformat()]:
            with self.subTest(stamp):
                self.assertEqual(self.sweep("--before", stamp), [])
                self.assertEqual(self.sweep(f"--before={stamp}"), [])
        future = (now + day).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual(self.sweep("--before", future), ['"a"'])

    def test_times_that_are_none_are_refused(self):
        self.fill("a")
        self.keep()
        for stamp in ["yesterday", "-1", "-1y", "2001-13-01", '"x"', "5", "",
                      "#inst", "-"]:
            with self.subTest(stamp):
                self.fails(USAGE, "sweep", "--keep", "keep", "--before", stamp)
        self.assertEqual(self.keys(), ['"a"'])

    def test_a_list_that_cannot_be_read_deletes_nothing(self):
        self.fill("a", "b")
        self.fails(USAGE, "sweep")
        self.fails(FAILED, "sweep", "--keep", "missing")
        self.keep("a", "[1 2")
        message = self.fails(USAGE, "sweep", "--keep", "keep")
        self.assertIn("keep: line 2:", message)
        self.assertEqual(self.keys(), ['"a"', '"b"'])

    def test_a_damaged_key_stays_and_is_reported(self):
        self.fill("a", "b")
        self.keep()
        self.flip(self.blob("a"), 66)
        res = self.run_larder("sweep", "--keep", "keep")
        self.assertEqual((res.returncode, res.stdout), (FAILED, '"b"\n'))
        self.assertIn('"a"', res.stderr)
        self.assertEqual(len(self.files()), 1)
        self.blob("a")

    def test_json_prints_keys_as_json(self):
        self.fill("a", ":kw")
        self.keep(":kw")
        self.assertEqual(self.sweep("--json"), ['"a"'])

    def test_a_missing_store_is_not_made(self):
        self.keep()
        self.fails(FAILED, "sweep", "--keep", "keep")
        self.assertEqual(self.files(), ["keep"])


if __name__ == "__main__":
    unittest.main()
