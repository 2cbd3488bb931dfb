# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""Help, and command lines that make no sense."""

import os
import subprocess
import unittest

from support import FAILED, LARDER, TIMEOUT, USAGE, LarderTest

COMMANDS = [
    "put", "get", "update", "erase", "exists", "meta", "write", "read", "keys",
    "verify", "import", "export", "create", "destroy", "info", "stats", "serve",
    "keyring new", "keyring add", "keyring list", "keyring primary",
    "keyring retire", "sweep", "generate", "mget", "mput",
    "merase", "txn", "append", "log", "truncate", "watch",
]


class Help(LarderTest):

    def test_help_lists_all_commands(self):
        text = self.larder("--help")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command.split()[0]} ")
        self.assertIn("LARDER_STORE", text)

    def test_every_command_has_help_with_an_example(self):
        for command in COMMANDS:
            text = self.larder(*command.split(), "--help")
            self.assertIn(f"Usage: larder {command}", text)
            examples = text[text.index("Examples:"):]
            self.assertIn(command, examples)

    def test_help_needs_no_operands_and_no_store(self):
        self.assertIn("Usage:", self.larder("get", "-h"))
        self.assertEqual(self.files(), [])

    def test_version(self):
        self.assertRegex(self.larder("--version"), r"^larder \d+\.\d+\.\d+$")


class WrongUsage(LarderTest):

    def test_a_command_line_that_makes_no_sense_is_explained(self):
        for args, hint in [
                ([], "a command is missing"),
                (["bogus"], "unknown command 'bogus'"),
                (["keyring"], "a command is missing"),
                (["keyring", "bogus"], "unknown command 'bogus'"),
                (["--bogus", "keys"], "unknown option --bogus"),
                (["keys", "--bogus"], "unknown option --bogus"),
                (["keys", "-x"], "unknown option -x"),
                (["get"], "usage: larder get KEY"),
                (["put", "k"], "usage: larder put KEY"),
                (["meta", "k", "l"], "usage: larder meta KEY"),
                (["keys", "k"], "too many arguments"),
                (["put", "k", "v", "--ttl"], "--ttl needs a value"),
                (["--store"], "--store needs a value"),
                (["put", "k", "v", "--if-absent=1"], "takes no value"),
                (["put", "k", "v", "--ttl", "1s", "--ttl", "2s"], "twice"),
                (["update", "k"], "--fn"),
                (["update", "--fn", "inc", "k"], "KEY"),
                (["import", "x.json"], "--key"),
                (["serve", "--plain-text"], "--port"),
                (["generate"], "usage: larder generate man|bash|zsh"),
        ]:
            with self.subTest(args):
                self.assertIn(hint, self.fails(USAGE, *args))
        self.assertEqual(self.files(), [])
        self.assertFalse((self.folder / "store").exists())

    def test_arguments_that_do_not_parse_leave_no_store_behind(self):
        for args, hint in [
                (["put", "k", "{:a"], "{:a"),
                (["put", "{:a", "v"], "{:a"),
                (["put", "k", "[1", "v"], "[1"),
                (["put", "k", "1 2"], "1 2"),
                (["put", "k", "2024-01-01"], "2024-01-01"),
                (["put", "k", "v", "--ttl", "5"], "30s"),
                (["put", "k", "v", "--ttl", "soon"], "30s"),
                (["put", "k", "v", "--ttl", "-5s"], "30s"),
                (["put", "k", "v", "--ttl", "99999999999999999d"], "30s"),
                (["put", "k", "v", "--if-revision", "xyz"], "--if-revision"),
                (["put", "k", "v", "--meta", "[1]"], "--meta"),
                (["put", "k", "v", "--meta", "{:key 1}"], "--meta"),
                (["put", "k", "v", "--if-absent", "--if-revision", "0" * 32],
                 "exclude"),
                (["--json", "put", "k", "blue"], "JSON"),
                (["--json", "put", "k", "{'a': 1}"], "JSON"),
                (["--edn", "put", "k", "[1"], "EDN"),
                (["--edn", "put", "", "1"], "EDN"),
                (["update", "k", "--fn", "add", "{"], "{"),
                (["keys", "--limit", "0"], "--limit"),
                (["keys", "--limit", "many"], "--limit"),
                (["read", "k", "--range", "5-4"], "0-99"),
                (["read", "k", "--range", "x"], "0-99"),
                (["read", "k", "--range", "-5"], "0-99"),
                (["serve", "--port", "65536", "--plain-text"], "--port"),
                (["serve", "--port", "0"], "plain text"),
                (["serve", "--port", "0", "--plain-text", "--ca", "x"],
                 "plain text"),
        ]:
            with self.subTest(args):
                self.assertIn(hint, self.fails(USAGE, *args))
        self.assertFalse((self.folder / "store").exists())

    def test_text_that_is_not_utf8_is_refused(self):
        self.assertIn("UTF-8", self.fails(USAGE, "put", "k", b"\xff"))
        self.assertIn("UTF-8", self.fails(USAGE, "put", b"\xff", "v"))
        self.assertIn("UTF-8",
                      self.fails(USAGE, "put", "k", "-", stdin=b"\xff"))

    def test_standard_input_is_read_for_one_value_only(self):
        self.fails(USAGE, "update", "k", "--fn", "swap-if", "-", "-",
                   stdin="1")

    def test_a_file_that_is_not_there_is_named(self):
        self.assertIn("nowhere.edn",
                      self.fails(FAILED, "put", "k", "@nowhere.edn"))
        self.assertIn("nowhere.bin",
                      self.fails(FAILED, "write", "k", "nowhere.bin"))
        self.assertIn("nowhere.json", self.fails(
            FAILED, "import", "nowhere.json", "--key", "id"))


class StoreUri(LarderTest):

    def test_a_bad_uri_is_wrong_usage(self):
        for uri in ["store", "nosuch:store", "file:store?bogus=1",
                    "file:store?sync=perhaps", "file:store?serializer=bogus",
                    "file:store?compressor=bogus", "file:store?encryptor=bogus",
                    "file:store?encryptor=xaes-gcm", "file:store#x",
                    "file:store?serializer=cbor&serializer=edn",
                    "caf://localhost", "caf://localhost:1",
                    "caf://localhost:1?plain-text=yes&bogus=1"]:
            for args in (["put", "k", "v"], ["keys"]):
                with self.subTest(uri=uri, args=args):
                    self.fails(USAGE, *args, store=uri)
        self.assertFalse((self.folder / "store").exists())

    def test_a_missing_store_is_told_from_a_missing_key(self):
        for args in (["get", "k"], ["exists", "k"], ["erase", "k"],
                     ["meta", "k"], ["read", "k"], ["keys"], ["verify"],
                     ["export"], ["info"], ["stats"], ["destroy"],
                     ["destroy", "--yes"]):
            with self.subTest(args):
                message = self.fails(FAILED, *args)
                self.assertIn("file:store", message)
                self.assertIn("larder create", message)
        self.assertFalse((self.folder / "store").exists())

    def test_the_option_wins_over_the_environment_and_that_over_the_default(
            self):
        for uri, word in [("file:a", "first"), ("file:b", "second")]:
            self.larder("--store", uri, "put", "k", word)
        self.assertEqual(self.larder("--store", "file:a", "get", "k",
                                     store="file:b"), '"first"')
        self.assertEqual(self.larder("get", "k", "--store=file:a",
                                     store="file:b"), '"first"')
        self.assertEqual(self.larder("get", "k", store="file:b"), '"second"')
        self.larder("put", "k", "third", env={"LARDER_STORE": ""})
        self.assertTrue((self.folder / "larder-data").is_dir())


class Administration(LarderTest):

    def test_create_makes_an_empty_store_once(self):
        self.assertEqual(self.larder("create"), "")
        self.assertEqual(self.larder("keys"), "")
        self.assertIn("already", self.fails(FAILED, "create"))

    def test_destroy_asks_for_consent_and_tells_what_would_be_lost(self):
        self.larder("put", "a", "1")
        self.larder("put", "b", "2")
        message = self.fails(USAGE, "destroy")
        self.assertIn("2 keys", message)
        self.assertIn("--yes", message)
        self.assertEqual(self.larder("get", "a"), "1")
        self.assertEqual(self.larder("destroy", "--yes"), "")
        self.assertFalse((self.folder / "store").exists())
        self.fails(FAILED, "get", "a")

    def test_info_tells_what_the_store_is(self):
        self.larder("create")
        info = self.larder("info", store="file:store?compressor=lz4")
        self.assertIn(":id #uuid", info)
        self.assertIn('"lz4"', info)
        self.assertIn("chain", str(self.json("info")))

    def test_stats_are_a_map(self):
        self.larder("create")
        self.assertTrue(self.larder("stats").startswith("{"))
        self.assertIsInstance(self.json("stats"), dict)

    def test_what_cannot_be_printed_is_an_error(self):
        self.larder("put", "k", "v")
        for command in ("get k", "keys", "export", "--json keys", "--help"):
            with open("/dev/full", "wb") as full:
                res = subprocess.run(
                    [LARDER, "--store", self.store, *command.split()],
                    stdout=full, stderr=subprocess.PIPE, cwd=self.folder,
                    check=False)
            self.assertEqual(res.returncode, FAILED, command)
            self.assert_message(res.stderr.decode())

    def test_who_has_read_enough_gets_no_message(self):
        self.larder("put", "k", "v")
        for command in ("get k", "keys", "export", "--help"):
            read_end, write_end = os.pipe()
            os.close(read_end)
            res = subprocess.run(
                [LARDER, "--store", self.store, *command.split()],
                stdout=write_end, stderr=subprocess.PIPE, cwd=self.folder,
                check=False)
            os.close(write_end)
            self.assertEqual((res.returncode, res.stderr), (FAILED, b""),
                             command)

    def test_closed_descriptors_are_not_those_of_the_store(self):
        # LMDB writes to its file by position: messages would go to its start.
        if self.run_larder("create", store="lmdb:other").returncode == 0:
            self.store = "lmdb:other"
        self.larder("put", "k", "v")
        self.larder("append", "log", "1")
        for fds in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            for command in ("mget --best-effort log", "keys --limit 1",
                            "get missing", "write b -"):
                subprocess.run(
                    ["sh", "-c", f'exec "$0" --store "$1" {command} {fds}',
                     LARDER, self.store], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    cwd=self.folder, timeout=TIMEOUT, check=False)
                self.assertEqual(self.larder("get", "k"), '"v"', command + fds)
        res = subprocess.run(
            ["sh", "-c", 'exec "$0" --store "$1" get k >&-', LARDER, self.store],
            stderr=subprocess.PIPE, cwd=self.folder, timeout=TIMEOUT,
            check=False)
        self.assertEqual(res.returncode, FAILED)
        self.assert_message(res.stderr.decode())


if __name__ == "__main__":
    unittest.main()
