#!/usr/bin/python3
"""Checks that what the documents say about the repository is true."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


def prose(document):
    """The text of a document without its code blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(),
                  flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


def documents():
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"),
            *ROOT.glob("fuzz/*.md")]


def public_headers(layer):
    folder = ROOT / layer / "larder"
    return [*folder.glob("*.hpp"), *folder.glob("messages/*.hpp")]


class Documents(unittest.TestCase):
    def test_the_readme_shows_the_quickstart_as_it_is_compiled(self):
        source = (ROOT / "examples/quickstart.cpp").read_text()
        readme = (ROOT / "README.md").read_text()
        blocks = re.findall(r"```cpp\n(.*?)```", readme, re.DOTALL)
        self.assertIn(source, blocks)

    def test_links_between_documents_lead_somewhere(self):
        self.assertTrue(documents())
        for document in documents():
            for target in LINK.findall(prose(document)):
                if "://" in target or target.startswith("mailto:"):
                    continue
                with self.subTest(document=document.name, target=target):
                    self.assertTrue((document.parent / target).exists())

    def test_make_targets_that_are_named_exist(self):
        makefile = (ROOT / "Makefile").read_text()
        targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
        for document in documents():
            for name in re.findall(r"`make ([a-z-]+)", document.read_text()):
                with self.subTest(document=document.name, target=name):
                    self.assertIn(name, targets)

    def test_every_public_header_is_short_and_says_what_it_is_for(self):
        for layer in ("serializers", "backends", "actors"):
            for header in public_headers(layer):
                lines = header.read_text().splitlines()
                with self.subTest(header=header.name):
                    self.assertLessEqual(len(lines), 350)
                    self.assertTrue(any("///" in line for line in lines))

    def test_files_hold_no_paths_of_somebodys_machine(self):
        found = subprocess.run(
            ["git", "-c", "safe.directory=*", "grep", "-nIE", "/(home|root|work)/", "--", "."],
            cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual((found.returncode, found.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()
