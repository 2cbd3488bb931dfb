# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""keyring, and stores that are encrypted."""

import stat
import unittest

from support import FAILED, USAGE, LarderTest


class Keyrings(LarderTest):

    def keyring(self, command, *args, **options):
        return self.larder("keyring", command, "ring", *args, **options)

    def listed(self):
        return {line.split()[1].rstrip(","): line
                for line in self.keyring("list").splitlines()}

    def test_a_new_keyring_has_one_key_and_is_private(self):
        key = self.keyring("new")
        self.assertEqual(self.keyring("list"),
                         f"{{:id {key}, :primary true, :retired false}}")
        mode = stat.S_IMODE((self.folder / "ring").stat().st_mode)
        self.assertEqual(mode, 0o600)

    def test_a_keyring_is_never_overwritten(self):
        self.keyring("new")
        before = (self.folder / "ring").read_bytes()
        self.assertIn("exists", self.fails(FAILED, "keyring", "new", "ring"))
        self.assertEqual((self.folder / "ring").read_bytes(), before)

    def test_keys_are_added_made_primary_and_retired(self):
        first = self.keyring("new")
        second = self.keyring("add")
        self.assertIn(":primary true", self.listed()[first])
        self.assertEqual(self.keyring("primary", second), "")
        self.assertIn(":primary true", self.listed()[second])
        self.assertEqual(self.keyring("retire", first), "")
        self.assertIn(":retired true", self.listed()[first])
        self.fails(FAILED, "keyring", "primary", "ring", first)
        self.fails(USAGE, "keyring", "retire", "ring", second)
        self.fails(FAILED, "keyring", "retire", "ring", "1")
        self.fails(USAGE, "keyring", "retire", "ring", "first")

    def test_a_listing_shows_no_secrets(self):
        self.keyring("new")
        text = (self.folder / "ring").read_text()
        secrets = [word for word in text.split('"') if len(word) == 64]
        self.assertEqual(len(secrets), 1)
        for options in ([], ["--json"]):
            self.assertNotIn(secrets[0], self.keyring("list", *options))

    def test_a_passphrase_seals_the_file(self):
        env = {"LARDER_PASS": "correct horse"}
        sealed = ["--passphrase-env", "LARDER_PASS"]
        key = self.keyring("new", *sealed, env=env)
        self.assertIn(key, self.keyring("list", *sealed, env=env))
        self.keyring("add", *sealed, env=env)
        self.fails(USAGE, "keyring", "list", "ring")
        self.fails(USAGE, "keyring", "list", "ring", *sealed)
        self.fails(USAGE, "keyring", "list", "ring", *sealed,
                   env={"LARDER_PASS": ""})
        message = self.fails(FAILED, "keyring", "list", "ring", *sealed,
                             env={"LARDER_PASS": "wrong"})
        self.assertIn("passphrase", message)
        self.assertNotIn("wrong horse", message)
        uri = self.store + "?encryptor=xaes-gcm&keyring=ring"
        self.larder("put", "k", "1", env=env,
                    store=uri + "&passphrase-env=LARDER_PASS")
        self.fails(USAGE, "get", "k", store=uri, env=env)

    def test_what_is_no_keyring_is_refused(self):
        self.assertIn("nowhere",
                      self.fails(FAILED, "keyring", "list", "nowhere"))
        (self.folder / "ring").write_text("{}")
        self.assertIn("ring", self.fails(FAILED, "keyring", "list", "ring"))


class EncryptedStores(LarderTest):

    def setUp(self):
        super().setUp()
        self.larder("keyring", "new", "ring")
        self.sealed = self.store + "?encryptor=xaes-gcm&keyring=ring"
        self.larder("put", "k", '"very secret"', "--meta", "{:m :hidden}",
                    store=self.sealed)
        self.larder("write", "b", "-", stdin="very secret", store=self.sealed)

    def test_nothing_of_the_contents_is_on_the_disk(self):
        for path in (self.folder / "store").rglob("*"):
            if path.is_file():
                for word in [b"secret", b"hidden"]:
                    self.assertNotIn(word, path.read_bytes())

    def test_the_keyring_opens_what_the_encryptor_closed(self):
        for uri in [self.sealed, self.store + "?keyring=ring"]:
            self.assertEqual(self.larder("get", "k", store=uri),
                             '"very secret"')
            self.assertEqual(self.larder("read", "b", store=uri), "very secret")
            self.assertIn(":m :hidden", self.larder("meta", "k", store=uri))

    def test_a_missing_key_is_told(self):
        for args in (["get", "k"], ["read", "b"], ["meta", "k"]):
            message = self.fails(FAILED, *args)
            self.assertIn("key", message)
            self.assertRegex(message, "encrypt|keyring")
        self.larder("keyring", "new", "other")
        message = self.fails(FAILED, "get", "k",
                             store=self.store + "?keyring=other")
        self.assertIn('"k"', message)
        self.assertIn("the keyring has no encryption key", message)

    def test_a_wrong_key_of_the_right_id_is_told(self):
        key = self.larder("keyring", "list", "ring").split()[1].rstrip(",")
        text = (self.folder / "ring").read_text()
        secret = next(word for word in text.split('"') if len(word) == 64)
        (self.folder / "forged").write_text(
            text.replace(secret, "ab" * 32))
        self.assertIn(key, (self.folder / "forged").read_text())
        message = self.fails(FAILED, "get", "k",
                             store=self.store + "?keyring=forged")
        self.assertIn('"k"', message)

    def test_a_missing_or_broken_keyring_file_is_told(self):
        message = self.fails(FAILED, "get", "k",
                             store=self.store + "?keyring=nowhere")
        self.assertIn("nowhere", message)
        self.assertNotIn("larder create", message)
        message = self.fails(USAGE, "get", "k",
                             store=self.store + "?encryptor=xaes-gcm")
        self.assertIn("keyring", message)

    def test_keys_can_be_rolled_over(self):
        first = self.larder("keyring", "list", "ring").split()[1].rstrip(",")
        second = self.larder("keyring", "add", "ring")
        self.larder("keyring", "primary", "ring", second)
        self.larder("put", "new", "1", store=self.sealed)
        self.assertEqual(self.larder("get", "k", store=self.sealed),
                         '"very secret"')
        self.larder("keyring", "retire", "ring", first)
        self.assertIn(first, self.fails(FAILED, "get", "k", store=self.sealed))
        self.assertEqual(self.larder("get", "new", store=self.sealed), "1")

    def test_verify_and_export_name_what_cannot_be_read(self):
        self.larder("put", "open", "1")
        res = self.run_larder("verify")
        self.assertEqual(res.returncode, FAILED)
        self.assertIn('"k"', res.stderr)
        self.assertIn(":unknown_encryption_key", res.stdout)
        res = self.run_larder("export")
        self.assertEqual((res.returncode, res.stdout), (FAILED, '["open" 1]\n'))

    def test_a_blob_moved_to_another_key_is_refused(self):
        self.larder("put", "l", "2", store=self.sealed)
        self.blob("l.").write_bytes(self.blob("k.").read_bytes())
        self.assertIn('"l"', self.fails(FAILED, "get", "l", store=self.sealed))


if __name__ == "__main__":
    unittest.main()
