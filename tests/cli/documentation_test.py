# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""Runs the examples in docs/cli.md."""

import os
import pathlib
import re
import subprocess
import unittest

from completion_test import Generated
from support import LARDER, TIMEOUT

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "cli.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "-- end of output --"


def examples(block):
    """Splits a block into commands and what they are to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while output.startswith("> "):
            line, _, output = output.partition("\n")
            command += "\n" + line.removeprefix("> ")
        yield command, output


def pattern(output):
    """A … stands for any text within its line."""
    return ".+".join(re.escape(part) for part in output.split("…"))


class Examples(Generated):

    def run_block(self, commands):
        """Runs commands in one shell and returns what each of them prints."""
        script = "".join(
            f"{command}\ncode=$?; echo '{MARK}'; (exit $code)\n"
            for command in commands)
        folder = os.path.dirname(LARDER)
        res = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False, text=True,
            env={**self.environment,
                 "PATH": f"{folder}:{self.environment['PATH']}"})
        return res.stdout.split(MARK + "\n")[:-1]

    def test_the_examples_do_what_the_page_says(self):
        blocks = BLOCK.findall(PAGE.read_text())
        self.assertGreater(len(blocks), 10)
        for block in blocks:
            expected = list(examples(block))
            printed = self.run_block([command for command, _ in expected])
            self.assertEqual(len(printed), len(expected), (block, printed))
            for (command, output), text in zip(expected, printed):
                with self.subTest(command):
                    self.assertRegex(text, rf"\A{pattern(output)}\Z")

    def test_every_command_and_option_has_a_place_on_the_page(self):
        page = PAGE.read_text()
        commands = self.commands()
        self.assertGreater(len(commands), 15)
        for command in commands:
            self.assertIn(f"larder {command.split()[0]}", page)
            for flag in self.flags(command):
                self.assertIn(flag, page, command)


if __name__ == "__main__":
    unittest.main()
