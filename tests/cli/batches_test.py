# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""mget, mput, merase and txn."""

import unittest

from support import FAILED, NOT_FOUND, PRECONDITION, USAGE, LarderTest


class Batches(LarderTest):

    def lines(self, *args, **options):
        return self.larder(*args, **options).splitlines()

    def fill(self, *keys):
        for key in keys:
            self.larder("put", key, f'"value of {key}"')

    def break_(self, key):
        """Damages what a key holds."""
        self.flip(self.blob(key), 66)

    # -- mget -----------------------------------------------------------------

    def test_a_read_only_store_is_read_as_one(self):
        self.larder("put", "a", "1")
        self.larder("put", "b", "2")
        (self.folder / "txn").write_text('{:then [[:get "a"] [:get "b"]]}')
        for store in ("file:store", "lmdb:other", "sqlite:third"):
            if store != "file:store":
                if self.run_larder("copy", "file:store", store).returncode:
                    continue  # not built in
            store = "readonly:" + store
            self.assertEqual(self.lines("mget", "a", "b", store=store),
                             ['["a" 1]', '["b" 2]'])
            self.assertIn("[", self.larder("txn", "txn", store=store))
            message = self.fails(FAILED, "append", "log", "1", store=store)
            self.assertIn("read only", message)

    def test_mget_prints_values_in_the_order_asked_for(self):
        self.fill("a", "b")
        self.larder("put", ":kw", "[1 2]")
        self.assertEqual(
            self.lines("mget", "b", ":kw", "a"),
            ['["b" "value of b"]', '[:kw [1 2]]', '["a" "value of a"]'])
        self.assertEqual(self.lines("--json", "mget", ":kw"),
                         ['{"key":"kw","value":[1,2]}'])

    def test_mget_leaves_out_what_is_missing_and_tells_by_its_code(self):
        self.fill("a")
        for more in [[], ["--best-effort"]]:
            self.assertEqual(
                self.lines("mget", "x", "a", "y", *more, code=NOT_FOUND),
                ['["a" "value of a"]'])
            self.assertEqual(self.lines("mget", "x", *more, code=NOT_FOUND),
                             [])

    def test_mget_of_what_is_no_value_fails(self):
        self.fill("a")
        self.larder("write", "bin", "-", stdin="bytes")
        self.assertIn("bin", self.fails(FAILED, "mget", "a", "bin"))
        self.break_("a")
        self.assertIn('"a"', self.fails(FAILED, "mget", "a"))

    def test_mget_with_best_effort_prints_what_can_be_read(self):
        self.fill("a", "b")
        self.larder("write", "bin", "-", stdin="bytes")
        self.break_("a")
        res = self.run_larder("mget", "a", "bin", "x", "b", "--best-effort")
        self.assertEqual((res.returncode, res.stdout),
                         (FAILED, '["b" "value of b"]\n'))
        damage, binary = res.stderr.splitlines()
        self.assertIn('"a": ', damage)
        self.assertIn('"bin": holds a binary: use larder read', binary)

    # -- mput -----------------------------------------------------------------

    def test_mput_stores_all_and_prints_their_revisions(self):
        for more in [[], ["--best-effort"]]:
            lines = self.lines("mput", "a", "1", ":b", "[2]", *more)
            self.assertEqual(len(lines), 2)
            self.assertRegex(lines[0], r'^\["a" "[0-9a-f]{32}"\]$')
            self.assertRegex(lines[1], r'^\[:b "[0-9a-f]{32}"\]$')
            self.assertEqual(self.lines("mget", "a", ":b"),
                             ['["a" 1]', '[:b [2]]'])
            self.assertIn(f':revision {lines[0].split()[1][:-1]}',
                          self.larder("meta", "a"))
            self.larder("merase", "a", ":b")

    def test_the_later_value_of_a_key_counts(self):
        self.assertEqual(len(self.lines("mput", "a", "1", "a", "2")), 2)
        self.assertEqual(self.larder("get", "a"), "2")

    def test_mput_takes_time_to_live_and_metadata_for_all(self):
        self.larder("mput", "a", "1", "b", "2", "--ttl", "1h", "--meta",
                    '{:by "me"}')
        for key in ["a", "b"]:
            meta = self.larder("meta", key)
            self.assertIn(':by "me"', meta)
            self.assertIn(":expiry", meta)

    def test_mput_reads_values_like_put(self):
        (self.folder / "in").write_text("{:from :file}\n")
        self.larder("mput", "a", "@in", "b", "-", stdin="[:input]")
        self.assertEqual(self.lines("mget", "a", "b"),
                         ['["a" {:from :file}]', '["b" [:input]]'])

    def test_mput_stores_nothing_if_it_cannot_store_all(self):
        self.assertIn("no VALUE", self.fails(USAGE, "mput", "a", "1", "b"))
        self.fails(USAGE, "mput", "a", "1", "b", "[2")
        self.fails(USAGE, "mput", "a", "1", "b", "-", "c", "-", stdin="1")
        self.fails(USAGE, "mput", "a")
        self.assertFalse((self.folder / "store").exists())

    # -- merase ---------------------------------------------------------------

    def test_merase_tells_which_keys_existed(self):
        for more in [[], ["--best-effort"]]:
            self.fill("a", "b")
            self.larder("write", "bin", "-", stdin="bytes")
            self.assertEqual(
                self.lines("merase", "a", "x", "bin", *more, code=NOT_FOUND),
                ['["a" true]', '["x" false]', '["bin" true]'])
            self.assertEqual(self.larder("keys"), '"b"')
            self.assertEqual(self.lines("--json", "merase", "b", *more),
                             ['{"existed":true,"key":"b"}'])


class Transactions(LarderTest):

    def txn(self, text, **options):
        return self.larder("txn", "-", stdin=text, **options)

    def wrong(self, text, *args):
        return self.fails(USAGE, *args, "txn", "-", stdin=text)

    def test_the_branch_that_the_conditions_choose_runs(self):
        text = """
            {:if [[:equals "door" [:state] :open] [:absent "lock"]]
             :then [[:put-in "door" [:state] :shut] [:put "lock" :mine]]
             :else [[:get "door" [:state] :unknown]]}"""
        self.assertEqual(self.txn(text),
                         "{:branch :else, :results [{:value :unknown}]}")
        self.larder("put", "door", "{:state :open, :colour :red}")
        self.assertRegex(
            self.txn(text),
            r'^\{:branch :then, :results \[(\{:revision "[0-9a-f]{32}"\} ?)'
            r'{2}\]\}$')
        self.assertEqual(self.larder("mget", "door", "lock").splitlines(),
                         ['["door" {:colour :red, :state :shut}]',
                          '["lock" :mine]'])
        self.assertEqual(self.txn(text),
                         "{:branch :else, :results [{:value :shut}]}")

    def test_no_part_is_there_twice(self):
        self.assertIn(":then is there twice",
                      self.wrong('{:then [[:put "a" 1]] "then" [[:put "b" 1]]}'))
        self.assertEqual(self.run_larder("keys").returncode, FAILED)  # no store

    def test_every_condition_is_checked(self):
        self.larder("put", "a", "{:x nil}")
        revision = self.larder("put", "b", "1")
        for condition, holds in [
                ('[:present "a"]', True),
                ('[:present "a" [:x]]', True),
                ('[:present "a" [:y]]', False),
                ('[:present "c"]', False),
                ('[:absent "c"]', True),
                ('[:absent "a" [:y]]', True),
                ('[:absent "a" [:x]]', False),
                ('[:absent "a"]', False),
                ('[:equals "b" [] 1]', True),
                ('[:equals "b" [] 2]', False),
                ('[:equals "a" [:x] nil]', True),
                ('[:equals "c" [] nil]', False),
                (f'[:revision "b" "{revision}"]', True),
                (f'[:revision "a" "{revision}"]', False)]:
            with self.subTest(condition):
                branch = "then" if holds else "else"
                self.assertEqual(self.txn("{:if [%s]}" % condition),
                                 "{:branch :%s, :results []}" % branch)
                both = '{:if [[:present "a"] %s]}' % condition
                self.assertIn(f":branch :{branch}", self.txn(both))

    def test_every_operation_does_what_its_name_says(self):
        self.larder("put", "a", "{:n 1, :list [1 2]}")
        res = self.txn("""
            {:then [[:update "a" [:n] :add 10]
                    [:update "a" [] "dissoc" :list]
                    [:put "b" {:ttl 5} {:ttl "1h" :meta {:by "me"}}]
                    [:put-in "c" [:deep :er] 7 {:meta {:by "you"}}]
                    [:get "c"]
                    [:get "x" [] :none]
                    [:erase "a" [:n]]
                    [:erase "y"]]}""")
        for part in ["{:after 11, :before 1, :revision ",
                     "{:value {:deep {:er 7}}} {:value :none}",
                     "{:existed true} {:existed false}]"]:
            self.assertIn(part, res)
        self.assertEqual(self.larder("mget", "a", "b", "c").splitlines(),
                         ['["a" {}]', '["b" {:ttl 5}]',
                          '["c" {:deep {:er 7}}]'])
        self.assertIn(":expiry", self.larder("meta", "b"))
        self.assertIn(':by "me"', self.larder("meta", "b"))
        self.assertIn(':by "you"', self.larder("meta", "c"))

    def test_an_operation_that_fails_undoes_all(self):
        self.larder("put", "a", "1")
        text = """{:then [[:put "a" 2] [:put "b" 2]
                          [:update "a" [] :conj 1] [:erase "b"]]}"""
        message = self.fails(FAILED, "txn", "-", stdin=text)
        self.assertIn("operation 3", message)
        self.assertEqual(self.larder("export"), '["a" 1]')
        missing = '{:then [[:put "a" 2] [:get "x"]]}'
        self.assertIn("operation 2",
                      self.fails(NOT_FOUND, "txn", "-", stdin=missing))
        swap = '{:then [[:update "a" [] :swap-if 5 6]]}'
        self.fails(PRECONDITION, "txn", "-", stdin=swap)
        self.assertEqual(self.larder("export"), '["a" 1]')

    def test_a_transaction_may_be_json(self):
        text = """{"if": [["absent", "k"]],
                   "then": [["put", "k", [1, null], {"ttl": "1h"}]]}"""
        res = self.json("txn", "-", stdin=text)
        self.assertEqual(res["branch"], "then")
        self.assertEqual(self.larder("get", "k"), "[1 nil]")
        self.assertIn(":expiry", self.larder("meta", "k"))

    def test_a_transaction_may_be_in_a_file(self):
        (self.folder / "t.edn").write_text('{:then [[:put "k" 1]]} ; done\n')
        self.assertIn(":then", self.larder("txn", "t.edn"))
        self.assertEqual(self.larder("get", "k"), "1")
        self.assertIn("nowhere", self.fails(FAILED, "txn", "nowhere"))

    def test_mistakes_are_named_with_their_place(self):
        for text, hints in [
                ("", ["standard input"]),
                ("{:then [[:put]", ["standard input", "line 1"]),
                ("[]", ["a map with :if, :then and :else"]),
                ("{:when []}", [":when is none of :if, :then, :else"]),
                ("{:if {}}", [":if: write a vector of conditions"]),
                ("{:then [[:get 1] :x]}", [":then, operation 2: write a vec"]),
                ("{:then [[]]}", [":then, operation 1: write a vector"]),
                ('{:else [[:putt "a" 1]]}',
                 [":else, operation 1: :putt is none of :get, :put, :put-in"]),
                ('{:if [[:absent "a"] [:equals "a" 1]]}',
                 [":if, condition 2: too few", "[:equals KEY PATH VALUE]"]),
                ('{:if [[:absent "a" [] 1]]}',
                 [":if, condition 1: too many", "[:absent KEY PATH?]"]),
                ('{:if [[:equals "a" :x 1]]}',
                 ["condition 1: PATH is a vector of steps, not :x"]),
                ('{:if [[:revision "a" 5]]}', ["condition 1: REVISION is a"]),
                ('{:if [[:revision "a" "5"]]}', [":if, condition 1: "]),
                ('{:then [[:update "a" [] 5]]}', ["1: FUNCTION is a name"]),
                ('{:then [[:put "a" 1 :x]]}', ["operation 1: OPTIONS is a"]),
                ('{:then [[:put "a" 1 {:tll "1h"}]]}', [":tll is none of"]),
                ('{:then [[:put "a" 1 {:ttl "soon"}]]}', [":ttl: ", "30s"]),
                ('{:then [[:put "a" 1 {:ttl 30}]]}', [":ttl is a string"]),
                ('{:then [[:put "a" 1 {:meta 1}]]}', [":meta: "])]:
            with self.subTest(text):
                message = self.wrong(text)
                for hint in hints:
                    self.assertIn(hint, message)
        self.assertIn("line 1", self.wrong("{:if []}", "--json"))
        self.assertFalse((self.folder / "store").exists())

    def test_a_function_that_is_unknown_changes_nothing(self):
        self.assertIn("nosuch", self.fails(
            FAILED, "txn", "-",
            stdin='{:then [[:put "a" 1] [:update "a" [] :nosuch]]}'))
        self.fails(NOT_FOUND, "get", "a")


if __name__ == "__main__":
    unittest.main()
