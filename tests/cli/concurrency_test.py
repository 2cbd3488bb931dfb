# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""Several larder processes on one store at the same time."""

import concurrent.futures
import unittest

from support import FINE, PRECONDITION, LarderTest

PROCESSES = 8


class ManyProcesses(LarderTest):

    def in_parallel(self, work, count):
        """Calls work(0) to work(count - 1), a few at the same time."""
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            return list(pool.map(work, range(count)))

    def test_no_increment_is_lost(self):
        count = 25 * PROCESSES
        pairs = self.in_parallel(
            lambda n: self.larder("update", "counter", "--fn", "inc"), count)
        self.assertEqual(self.larder("get", "counter"), str(count))
        # Each process saw the increment that it made, and no other one did.
        self.assertEqual(len(set(pairs)), count)

    def test_no_part_of_a_value_is_lost(self):
        self.in_parallel(
            lambda n: self.larder("put", "map", f":k{n}", str(n)), 40)
        value = self.larder("get", "map")
        for n in range(40):
            self.assertIn(f":k{n} {n}", value)

    def test_one_process_creates_the_store_for_all(self):
        self.in_parallel(
            lambda n: self.larder("put", f"key{n}", str(n)), PROCESSES)
        for n in range(PROCESSES):
            self.assertEqual(self.larder("get", f"key{n}"), str(n))

    def test_one_process_wins_a_conditional_write(self):
        def attempt(n):
            res = self.run_larder("put", "lock", str(n), "--if-absent")
            self.assertIn(res.returncode, (FINE, PRECONDITION))
            return res.returncode == FINE
        winners = self.in_parallel(attempt, 24)
        self.assertEqual(sum(winners), 1)
        self.assertEqual(self.larder("get", "lock"), str(winners.index(True)))

    def test_a_reader_sees_old_or_new_but_nothing_else(self):
        values = ["x" * 300_000, "y" * 300_000]
        self.larder("put", "k", "-", stdin=values[0])

        def work(n):
            if n % 2:
                self.larder("put", "k", "-", stdin=values[n // 2 % 2])
                return None
            return self.larder("get", "k")
        for seen in self.in_parallel(work, 40):
            self.assertIn(seen, [None, *(f'"{value}"' for value in values)])


if __name__ == "__main__":
    unittest.main()
