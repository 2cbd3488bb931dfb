# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""What the tests of the larder command share.

The environment variable LARDER names the program. Each test gets a folder of
its own, with a file store in it unless it asks for another one.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

LARDER = os.environ["LARDER"]

FINE, NOT_FOUND, USAGE, FAILED, PRECONDITION = range(5)

TIMEOUT = 300  # seconds; only a hanging program gets there


class LarderTest(unittest.TestCase):
    """Runs larder in a temporary folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="larder-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store = "file:store"
        self.environment = {
            key: text for key, text in os.environ.items()
            if not key.startswith("LARDER_")
        }

    def run_larder(self, *args, store=None, stdin=b"", text=True, env=None):
        """Runs larder and returns what subprocess.run returns."""
        environment = {**self.environment, "LARDER_STORE": store or self.store}
        if isinstance(stdin, str):
            stdin = stdin.encode()
        res = subprocess.run(
            [LARDER, *args], input=stdin, capture_output=True,
            cwd=self.folder, env={**environment, **(env or {})},
            timeout=TIMEOUT, check=False)
        res.stderr = res.stderr.decode()
        if text:
            res.stdout = res.stdout.decode()
        return res

    def larder(self, *args, code=FINE, **options):
        """Runs larder, checks the exit code and that there are no messages, and
        returns standard output without its final line break."""
        res = self.run_larder(*args, **options)
        self.assertEqual((res.returncode, res.stderr), (code, ""), args)
        if isinstance(res.stdout, bytes):
            return res.stdout
        return res.stdout.removesuffix("\n")

    def json(self, *args, **options):
        """Runs larder with --json and returns what it printed."""
        return json.loads(self.larder("--json", *args, **options))

    def fails(self, code, *args, **options):
        """Runs larder, checks the exit code, that there is exactly one line of
        message and no answer, and returns the message."""
        res = self.run_larder(*args, **options)
        self.assertEqual(res.returncode, code, (args, res.stderr))
        self.assertEqual(res.stdout, "", args)
        self.assert_message(res.stderr)
        return res.stderr.removesuffix("\n")

    def assert_message(self, text):
        """A message is one plain line."""
        self.assertTrue(text.startswith("larder: "), text)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.removesuffix("\n").isprintable(), ascii(text))
        words = text.split()
        self.assertNotEqual(words[1], words[2], text)  # the key, twice
        for word in ("terminate called", "what():", "std::", "exception"):
            self.assertNotIn(word, text)

    def blob(self, name):
        """The file in which the file store keeps the string key `name`."""
        found = [path for path in (self.folder / "store").rglob(name + "*")
                 if path.is_file()]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def flip(self, path, position):
        """Flips one bit of a file."""
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        path.write_bytes(data)

    def files(self):
        """Names of all files in the test's folder, the store aside."""
        return sorted(path.name for path in self.folder.iterdir()
                      if path.name != "store")
