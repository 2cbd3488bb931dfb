# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""What a store tells about itself while it works."""

import pathlib
import unittest

from support import LarderTest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "metrics.md"


class Table(LarderTest):

    def test_the_page_has_the_table_of_the_code(self):
        table = self.larder("stats", "--describe")
        self.assertIn("| `larder_operations_total` | counter |", table)
        self.assertIn("\n" + table + "\n\n", PAGE.read_text(),
                      "run scripts/write-metrics")


if __name__ == "__main__":
    unittest.main()
