# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""The man page and the completions, which are made from the table of commands.
"""

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import time
import unittest

from support import LARDER, TIMEOUT, USAGE, LarderTest


def without_tool(*names):
    missing = [name for name in names if not shutil.which(name)]
    return unittest.skipIf(missing, f"{', '.join(missing)} is not installed")


class Generated(LarderTest):

    def commands(self):
        """Names of all commands, as the help lists them."""
        names = self.listed()
        self.assertIn("put", names)
        res = []
        for name in names:
            res += [f"{name} {word}" for word in self.listed(name)] or [name]
        return res

    def listed(self, *args):
        """The first words of what a help lists as commands."""
        text = self.larder(*args, "--help").partition("Commands:")[2]
        return re.findall(r"(?m)^  ([a-z]+)(?: |$)", text.partition("\n\n")[0])

    def flags(self, command):
        """The options that the help of a command lists as its own."""
        text = self.larder(*command.split(), "--help").partition("Options:")[2]
        return re.findall(r"(?m)^  (--[a-z-]+)", text)


class Manual(Generated):

    def test_what_is_not_generated_is_told(self):
        self.assertIn("fish", self.fails(USAGE, "generate", "fish"))

    def test_the_man_page_has_all_commands_options_and_examples(self):
        page = self.larder("generate", "man")
        plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
        commands = self.commands()
        self.assertIn("keyring new", commands)
        for command in commands:
            section = re.search(
                rf'(?ms)^\.SS {re.escape(command)}\n(.*?)^\.S[SH]', plain)
            self.assertIsNotNone(section, command)
            for flag in self.flags(command):
                self.assertIn(flag, section[1], command)
            self.assertRegex(
                section[1], rf"(?ms)^Examples:.*larder [^\n]*\b{command}\b")
        for flag in ["--store", "--json", "--edn", "--help", "--version"]:
            self.assertIn(f".TP\n{flag}", plain)

    @without_tool("groff")
    def test_the_man_page_is_set_without_warnings(self):
        res = subprocess.run(
            ["groff", "-ww", "-man", "-Tutf8", "-P-cbou"],
            input=self.larder("generate", "man", text=False),
            capture_output=True, check=False)
        self.assertEqual((res.returncode, res.stderr), (0, b""))
        text = res.stdout.decode()
        self.assertIn("""larder put user/1 '{:name "Ada" :visits 0}'""", text)
        self.assertIn("put KEY [STEP…] VALUE [--ttl DURATION]", text)


class Bash(Generated):

    def complete(self, line, breaks=" \t\n\"'><=;|&(:"):
        """What bash offers at the end of a line, as readline would call it."""
        script = """
            source <("$LARDER" generate bash)
            _larder
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        words = self.split(line, breaks)
        quoted = " ".join(shlex.quote(word) for word in words)
        setting = f"""
            COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
            COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}
            COMP_WORDBREAKS={shlex.quote(breaks)}
        """
        res = subprocess.run(
            ["bash", "--norc", "-c", setting + script], cwd=self.folder,
            capture_output=True, check=False, text=True, timeout=TIMEOUT,
            env={**self.environment, "LARDER": LARDER})
        self.assertEqual((res.returncode, res.stderr), (0, ""), line)
        return sorted(res.stdout.split("\n")[:-1]) if res.stdout != "\n" else []

    @staticmethod
    def split(line, breaks):
        """Parts a line into words as readline does."""
        chars = re.escape("".join(breaks.split()))
        pattern = rf"[{chars}]+|[^\s{chars}]+" if chars else r"\S+"
        words = re.findall(pattern, line)
        if not words or line[-1].isspace():
            words.append("")
        return words

    def test_commands_complete(self):
        self.assertEqual(self.complete("larder verif"), ["verify"])
        self.assertEqual(self.complete("larder ex"), ["exists", "export"])
        self.assertEqual(self.complete("larder --json ver"), ["verify"])
        self.assertEqual(self.complete("larder --store put ver"), ["verify"])
        offered = self.complete("larder ")
        for command in self.commands():
            self.assertIn(command.split()[0], offered)
        self.assertEqual(len(offered), len(set(offered)))

    def test_words_of_groups_complete(self):
        self.assertEqual(self.complete("larder keyring r"), ["retire"])
        self.assertEqual(self.complete("larder keyring "),
                         ["add", "list", "new", "primary", "retire"])
        self.assertEqual(self.complete("larder generate "),
                         ["bash", "man", "zsh"])

    def test_all_options_of_all_commands_complete(self):
        for command in self.commands():
            offered = self.complete(f"larder {command} --")
            self.assertEqual(offered, sorted(set(offered)))
            with self.subTest(command):
                self.assertLessEqual(set(self.flags(command)), set(offered))
                self.assertLessEqual({"--store", "--help"}, set(offered))

    def test_options_complete_wherever_they_may_stand(self):
        self.assertEqual(self.complete("larder put --tt"), ["--ttl"])
        self.assertEqual(self.complete("larder put k v --tt"), ["--ttl"])
        self.assertEqual(self.complete("larder put k v --ttl 5s --if-a"),
                         ["--if-absent"])
        self.assertEqual(self.complete("larder keyring new --pass"),
                         ["--passphrase-env"])
        self.assertEqual(self.complete("larder put -- --tt"), [])

    def test_what_is_no_command_is_an_operand(self):
        (self.folder / "photo.jpg").touch()
        self.assertEqual(self.complete("larder write keys pho"), ["photo.jpg"])
        self.assertEqual(self.complete("larder write pho"), [])

    def test_files_complete_where_files_are_meant(self):
        for name in ["a file", "ab"]:
            (self.folder / name).touch()
        both = ["a file", "ab"]
        self.assertEqual(self.complete("larder keyring new a"), both)
        self.assertEqual(self.complete("larder keyring retire a"), both)
        self.assertEqual(self.complete("larder keyring retire ring a"), [])
        self.assertEqual(self.complete("larder import a"), both)
        self.assertEqual(self.complete("larder sweep --keep a"), both)
        self.assertEqual(self.complete("larder sweep --keep=a"), both)
        self.assertEqual(self.complete("larder serve --certificate a"), both)
        self.assertEqual(self.complete("larder put key @a"),
                         ["@a file", "@ab"])
        self.assertEqual(self.complete("larder put key a"), [])
        self.assertEqual(self.complete("larder import x --key a"), [])

    def test_names_of_functions_complete(self):
        self.assertEqual(self.complete("larder update k --fn d"),
                         ["dec", "disj", "dissoc"])
        self.assertEqual(self.complete("larder update k --fn=to"), ["toggle"])
        self.assertEqual(self.complete("larder serve --log-format "),
                         ["json", "text"])

    def test_stores_complete(self):
        (self.folder / "data").mkdir()
        (self.folder / "datum").touch()
        engines = self.complete("larder --store ")
        self.assertLessEqual({"caf://", "file:", "tiered:"}, set(engines))
        self.assertNotIn("memory:", engines)
        self.assertEqual(self.complete("larder --store fi"), ["file:"])
        self.assertEqual(self.complete("larder --store=fi"), ["file:"])
        # Only what stands behind the colon is replaced.
        self.assertEqual(self.complete("larder --store file:da"), ["data"])
        self.assertEqual(self.complete("larder --store readonly:file:da"),
                         ["data"])
        self.assertEqual(self.complete("larder --store sqlite:da"),
                         ["data", "datum"])
        self.assertEqual(self.complete("larder --store file:da", " \t\n"),
                         ["file:data"])
        self.assertEqual(
            self.complete("larder --store file:data get --def"), ["--default"])
        self.assertEqual(
            self.complete("larder --store=file:data get --def"), ["--default"])


@without_tool("zsh")
class Zsh(Generated):

    def setUp(self):
        super().setUp()
        functions = self.folder / "functions"
        functions.mkdir()
        (functions / "_larder").write_text(self.larder("generate", "zsh"))
        # In place of the program stands a function that shows its words.
        (self.folder / "zshrc").write_text(f"""
            PS1='READY>' PS2= RPS1= PROMPT_EOL_MARK=
            unsetopt prompt_sp beep zle_bracketed_paste 2>/dev/null
            fpath=({shlex.quote(str(functions))} $fpath)
            autoload -Uz compinit && compinit -u -D
            zstyle ':completion:*' menu false
            larder() {{ print -rl -- "$@" > words }}
        """)

    def complete(self, line):
        """Types a line and a tab into an interactive zsh and returns the words
        of the line that this makes."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"],
                       {**self.environment, "TERM": "dumb", "LC_ALL": "C.UTF-8"})
        (self.folder / "words").unlink(missing_ok=True)
        try:
            os.write(terminal, b"source ./zshrc\n")
            self.read_until(terminal, b"READY>")
            os.write(terminal, line.encode() + b"\t")
            os.write(terminal, b"\n")
            self.read_until(terminal, b"READY>")
            os.write(terminal, b"exit\n")
            self.read_until(terminal, None)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        return (self.folder / "words").read_text().splitlines()

    def read_until(self, terminal, mark):
        """Reads until there is a mark, or to the end."""
        seen = b""
        deadline = time.monotonic() + TIMEOUT
        while mark is None or mark not in seen:
            ready, _, _ = select.select([terminal], [], [],
                                        deadline - time.monotonic())
            self.assertTrue(ready, seen)
            try:
                data = os.read(terminal, 65536)
            except OSError:
                data = b""
            if not data:
                self.assertIsNone(mark, seen)
                return
            seen += data

    def test_the_script_is_well_formed(self):
        subprocess.run(["zsh", "-n", self.folder / "functions" / "_larder"],
                       check=True)

    def test_commands_options_files_and_functions_complete(self):
        (self.folder / "photo.jpg").touch()
        for line, words in [
                ("larder verif", ["verify"]),
                ("larder --json verif", ["--json", "verify"]),
                ("larder keyring reti", ["keyring", "retire"]),
                ("larder generate z", ["generate", "zsh"]),
                ("larder put k v --if-a", ["put", "k", "v", "--if-absent"]),
                ("larder keyring new ring --pass",
                 ["keyring", "new", "ring", "--passphrase-env"]),
                ("larder write k pho", ["write", "k", "photo.jpg"]),
                ("larder put k @pho", ["put", "k", "@photo.jpg"]),
                ("larder update k --fn tog", ["update", "k", "--fn", "toggle"]),
                ("larder --store fi", ["--store", "file:"]),
        ]:
            with self.subTest(line):
                self.assertEqual(self.complete(line), words)


if __name__ == "__main__":
    unittest.main()
