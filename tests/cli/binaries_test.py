# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""write and read."""

import os
import pathlib
import random
import signal
import stat
import subprocess
import unittest

from support import (FAILED, LARDER, NOT_FOUND, PRECONDITION, TIMEOUT, USAGE,
                     LarderTest)


def some_bytes(size):
    return random.Random(size).randbytes(size)


class WriteAndRead(LarderTest):

    def read(self, *args):
        return self.larder("read", *args, text=False)

    def test_bytes_come_back_as_they_were(self):
        for size in [0, 1, 1000, 256 << 10, (256 << 10) + 1, 5 << 20]:
            data = some_bytes(size)
            (self.folder / "in").write_bytes(data)
            self.assertRegex(self.larder("write", "k", "in"), "^[0-9a-f]{32}$")
            self.assertEqual(self.read("k"), data)
            self.assertEqual(self.read("k", "-"), data)
            self.larder("write", "piped", "-", stdin=data)
            self.larder("read", "piped", "out")
            self.assertEqual((self.folder / "out").read_bytes(), data)

    def test_compressed_and_encrypted_bytes_come_back(self):
        self.larder("keyring", "new", "ring")
        uri = self.store + "?compressor=zstd&encryptor=xaes-gcm&keyring=ring"
        data = b"larder " * 200_000
        self.larder("write", "k", "-", stdin=data, store=uri)
        self.assertEqual(self.larder("read", "k", text=False, store=uri), data)
        self.assertEqual(self.larder("read", "k", "--range", "7-12",
                                     text=False, store=uri), b"larder")

    def test_ranges_include_both_ends(self):
        data = some_bytes(600_000)
        self.larder("write", "k", "-", stdin=data)
        last = len(data) - 1
        for text, expected in [
                ("0-0", data[:1]), ("0-99", data[:100]),
                ("262143-262144", data[262143:262145]), ("5-", data[5:]),
                (f"{last}-{last}", data[-1:]), (f"10-{2**64 - 1}", data[10:]),
                (f"0-{2**64 - 1}", data), (f"599990-{last + 50}", data[-10:]),
        ]:
            with self.subTest(text):
                self.assertEqual(self.read("k", "--range", text), expected)
        self.fails(FAILED, "read", "k", "--range", f"{last + 2}-")
        self.fails(USAGE, "read", "k", "--range", "2-1")

    def test_a_value_and_a_binary_are_told_apart(self):
        self.larder("write", "b", "-", stdin="bytes")
        self.larder("put", "v", "1")
        self.assertIn("larder read", self.fails(FAILED, "get", "b"))
        self.assertIn("larder get", self.fails(FAILED, "read", "v"))
        self.fails(FAILED, "put", "b", ":x", "1")
        self.assertIn(":type :binary", self.larder("meta", "b"))
        self.larder("put", "b", "2")
        self.assertEqual(self.larder("get", "b"), "2")

    def test_write_takes_the_options_of_put(self):
        first = self.larder("write", "k", "-", "--meta", "{:a 1}", "--ttl",
                            "1h", "--if-absent", stdin="1")
        meta = self.larder("meta", "k")
        self.assertIn(":a 1", meta)
        self.assertIn(":expiry", meta)
        self.fails(PRECONDITION, "write", "k", "-", "--if-absent", stdin="2")
        self.larder("write", "k", "-", "--if-revision", first, stdin="3")
        self.fails(PRECONDITION, "write", "k", "-", "--if-revision", first,
                   stdin="4")
        self.assertEqual(self.read("k"), b"3")

    @unittest.skipIf(os.environ.get("LARDER_SANITIZE"),
                     "sanitizers need memory of their own")
    def test_memory_stays_bounded(self):
        size = 300 << 20
        with subprocess.Popen(
                [LARDER, "--store", "file:store?sync=off", "write", "k", "-"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                cwd=self.folder) as process:
            piece = bytes(1 << 20)
            for _ in range(size // len(piece)):
                process.stdin.write(piece)
            process.stdin.close()
            process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertLess(usage.ru_maxrss, 150 << 10)
        with subprocess.Popen(
                [LARDER, "--store", self.store, "read", "k"],
                stdout=subprocess.PIPE, cwd=self.folder) as process:
            seen = 0
            while piece := process.stdout.read(1 << 20):
                seen += len(piece)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual((process.returncode, seen), (0, size))
        self.assertLess(usage.ru_maxrss, 150 << 10)


class Files(LarderTest):

    def setUp(self):
        super().setUp()
        self.data = some_bytes(3 << 20)
        self.larder("write", "k", "-", stdin=self.data)

    def test_a_failed_read_leaves_the_file_as_it_was(self):
        (self.folder / "out").write_text("precious")
        self.fails(NOT_FOUND, "read", "x", "out")
        self.fails(NOT_FOUND, "read", "x", "new")
        self.larder("put", "v", "1")
        self.fails(FAILED, "read", "v", "out")
        self.flip(self.blob("k"), 2 << 20)
        message = self.fails(FAILED, "read", "k", "out")
        self.assertIn('"k"', message)
        self.assertEqual((self.folder / "out").read_text(), "precious")
        self.assertEqual(self.files(), ["out"])

    def test_an_interrupted_read_leaves_no_file(self):
        big = bytes(64 << 20)
        self.larder("write", "big", "-", stdin=big)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            process = subprocess.Popen(
                [LARDER, "--store", self.store, "read", "big", "out"],
                cwd=self.folder, stderr=subprocess.DEVNULL)
            self.wait_for_output(process)
            process.send_signal(number)
            process.wait(timeout=TIMEOUT)
            if (self.folder / "out").exists():  # it was quicker
                self.assertEqual((self.folder / "out").read_bytes(), big)
                (self.folder / "out").unlink()
            if not self.has_unnamed_files():
                for path in self.folder.glob("out.*.new"):
                    path.unlink()
            self.assertEqual(self.files(), [])

    def has_unnamed_files(self):
        """Whether the file system forgets unfinished files by itself."""
        try:
            os.close(os.open(self.folder, os.O_WRONLY | os.O_TMPFILE))
        except OSError:
            return False
        return True

    def wait_for_output(self, process):
        """Waits until a process has written a few megabytes or has ended."""
        while process.poll() is None:
            counts = pathlib.Path(f"/proc/{process.pid}/io").read_text()
            if int(counts.split()[3]) > 4 << 20:
                return

    def test_a_read_replaces_what_a_link_points_to(self):
        (self.folder / "target").write_text("old")
        (self.folder / "link").symlink_to("target")
        self.larder("read", "k", "link")
        self.assertTrue((self.folder / "link").is_symlink())
        self.assertEqual((self.folder / "target").read_bytes(), self.data)

    def test_the_umask_rules_the_new_file(self):
        old = os.umask(0o027)
        try:
            self.larder("read", "k", "out")
        finally:
            os.umask(old)
        mode = stat.S_IMODE((self.folder / "out").stat().st_mode)
        self.assertEqual(mode, 0o640)

    def test_devices_are_written_in_place(self):
        self.larder("read", "k", "/dev/null")
        self.assertTrue(pathlib.Path("/dev/null").is_char_device())
        self.fails(FAILED, "read", "k", "/dev/full")

    def test_folders_are_refused(self):
        (self.folder / "sub").mkdir()
        self.assertIn("sub", self.fails(FAILED, "read", "k", "sub"))
        self.assertIn("sub", self.fails(FAILED, "write", "b", "sub"))
        self.assertIn("no/such", self.fails(FAILED, "read", "k", "no/such"))

    def test_an_interrupted_write_changes_nothing(self):
        with subprocess.Popen(
                [LARDER, "--store", self.store, "write", "k", "-"],
                stdin=subprocess.PIPE, cwd=self.folder) as process:
            process.stdin.write(bytes(4 << 20))
            process.stdin.flush()
            process.kill()
            process.wait(timeout=TIMEOUT)
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
        self.assertEqual(self.larder("read", "k", text=False), self.data)
        self.assertEqual(self.larder("keys"), '"k"')


if __name__ == "__main__":
    unittest.main()
