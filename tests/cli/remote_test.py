# This file is part of larder. Distributed under the BSD 3-clause licence;
# see the file LICENSE.
"""serve, and stores that another process serves."""

import concurrent.futures
import os
import random
import signal
import subprocess
import unittest

from support import (FAILED, FINE, LARDER, NOT_FOUND, PRECONDITION, TIMEOUT,
                     USAGE, LarderTest)


class RemoteTest(LarderTest):
    """Serves the store of the test."""

    def serve(self, *args):
        """Starts a server and returns it and its port."""
        process = subprocess.Popen(
            [LARDER, "--store", self.store, "serve", "--port", "0", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
        self.addCleanup(self.end, process)
        line = process.stdout.readline().decode().strip()
        self.assertRegex(line, r"^\d+$", args)
        return process, int(line)

    def end(self, process):
        process.kill()
        process.wait(timeout=TIMEOUT)
        process.stdout.close()
        process.stderr.close()

    def stop(self, process, number=signal.SIGTERM):
        """Stops a server in good order."""
        process.send_signal(number)
        self.assertEqual(process.wait(timeout=TIMEOUT), FINE)
        message = process.stderr.read().decode()
        self.assertRegex(message, r"^larder: serving file:\S+ on \S+ port \d+$")


class PlainText(RemoteTest):

    def setUp(self):
        super().setUp()
        self.server, port = self.serve("--plain-text")
        self.remote = f"caf://127.0.0.1:{port}?plain-text=yes"

    def there(self, *args, **options):
        return self.larder(*args, store=self.remote, **options)

    def test_values(self):
        revision = self.there("put", "k", "{:a 1}", "--meta", "{:m 1}")
        self.assertEqual(self.there("get", "k", ":a"), "1")
        self.assertEqual(self.there("update", "k", ":a", "--fn", "inc"),
                         "[1 2]")
        self.assertEqual(self.there("exists", "k"), "true")
        self.assertIn(":m 1", self.there("meta", "k"))
        self.fails(PRECONDITION, "put", "k", "1", "--if-revision", revision,
                   store=self.remote)
        self.fails(NOT_FOUND, "get", "k", ":x", store=self.remote)
        self.fails(FAILED, "put", "k", ":a", ":b", "1", store=self.remote)
        self.fails(FAILED, "update", "k", "--fn", "bogus", store=self.remote)
        self.there("erase", "k")
        self.fails(NOT_FOUND, "erase", "k", store=self.remote)

    def test_binaries(self):
        data = random.Random(1).randbytes(9 << 20)
        self.there("write", "b", "-", stdin=data)
        self.assertEqual(self.there("read", "b", text=False), data)
        self.assertEqual(self.there("read", "b", "--range", "5-9", text=False),
                         data[5:10])
        self.there("read", "b", "out")
        self.assertEqual((self.folder / "out").read_bytes(), data)
        self.assertIn("larder read",
                      self.fails(FAILED, "get", "b", store=self.remote))

    def test_the_store_as_a_whole(self):
        lines = "".join(f'{{"id":"k{n:04}"}}\n' for n in range(1500))
        self.assertEqual(self.there("import", "-", "--key", "id", stdin=lines),
                         "{:imported 1500}")
        self.assertEqual(len(self.there("keys").splitlines()), 1500)
        self.assertEqual(self.there("keys", "--prefix", "k0007"), '"k0007"')
        self.assertEqual(len(self.there("export").splitlines()), 1500)
        self.assertIn(":keys 1500", self.there("verify"))
        self.assertIn(":id #uuid", self.there("info"))
        self.assertTrue(self.there("stats").startswith("{"))

    def test_an_export_that_nobody_takes_ends(self):
        self.there("put", "k", "-", stdin="x" * 1_000_000)
        with subprocess.Popen(
                [LARDER, "--store", self.remote, "export"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                cwd=self.folder) as process:
            process.stdout.close()
            message = process.stderr.read().decode()
        self.assertIn(process.returncode, (FAILED, -signal.SIGPIPE))
        if message:
            self.assert_message(message)
        self.assertEqual(self.there("exists", "k"), "true")

    def test_what_makes_no_sense_from_afar_is_refused(self):
        self.fails(USAGE, "create", store=self.remote)
        self.fails(USAGE, "destroy", "--yes", store=self.remote)
        self.fails(USAGE, "serve", "--port", "0", "--plain-text",
                   store=self.remote)

    def test_no_increment_of_many_clients_is_lost(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            pairs = list(pool.map(
                lambda n: self.there("update", "n", "--fn", "inc"), range(80)))
        self.assertEqual(self.there("get", "n"), "80")
        self.assertEqual(len(set(pairs)), 80)

    def test_what_was_written_is_there_after_the_server(self):
        self.there("put", "k", "1")
        self.stop(self.server)
        self.assertEqual(self.larder("get", "k"), "1")

    def test_every_terminating_signal_ends_a_server_in_good_order(self):
        self.stop(self.server, signal.SIGINT)
        for number in (signal.SIGTERM, signal.SIGHUP):
            server, _ = self.serve("--plain-text")
            self.stop(server, number)

    def test_a_server_that_is_gone_is_told(self):
        self.stop(self.server)
        message = self.fails(FAILED, "get", "k", store=self.remote)
        self.assertIn(self.remote.split("?")[0], message)

    def test_a_port_that_is_taken_is_told(self):
        port = self.remote.split(":")[2].split("?")[0]
        message = self.fails(FAILED, "serve", "--port", port, "--plain-text",
                             store="file:other")
        self.assertIn(port, message)

    def test_plain_text_stays_on_this_machine_unless_forced(self):
        self.assertIn("force", self.fails(
            USAGE, "serve", "--port", "0", "--plain-text", "--bind", "0.0.0.0",
            store="file:other"))
        server, port = self.serve("--plain-text", "--bind", "0.0.0.0",
                                  "--force")
        uri = f"caf://127.0.0.1:{port}?plain-text=yes"
        self.larder("put", "k", "1", store=uri)
        self.stop(server)


class Certificates(RemoteTest):

    def setUp(self):
        super().setUp()
        self.make_authority("ca")
        self.make_authority("foreign")
        self.make_certificate("server", "ca")
        self.make_certificate("client", "ca")
        self.make_certificate("stranger", "foreign")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make_authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out",
                     f"{name}.pem")

    def make_certificate(self, name, authority):
        self.openssl("req", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={name}", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr")
        self.openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA",
                     f"{authority}.pem", "-CAkey", f"{authority}.key",
                     "-CAcreateserial", "-out", f"{name}.pem")

    def start(self):
        server, port = self.serve("--certificate", "server.pem", "--key",
                                  "server.key", "--ca", "ca.pem")
        return server, f"caf://127.0.0.1:{port}"

    def test_both_sides_show_certificates(self):
        server, uri = self.start()
        uri += "?certificate=client.pem&key=client.key&ca=ca.pem"
        self.larder("put", "k", "{:a 1}", store=uri)
        self.assertEqual(self.larder("get", "k", ":a", store=uri), "1")
        data = os.urandom(3 << 20)
        self.larder("write", "b", "-", stdin=data, store=uri)
        self.assertEqual(self.larder("read", "b", text=False, store=uri), data)
        self.stop(server)

    def test_strangers_are_kept_out(self):
        _, uri = self.start()
        for query in ["?plain-text=yes",
                      "?certificate=stranger.pem&key=stranger.key&ca=ca.pem",
                      "?certificate=client.pem&key=client.key&ca=foreign.pem"]:
            with self.subTest(query):
                self.fails(FAILED, "put", "k", "1", store=uri + query)
        self.assertEqual(self.larder(
            "exists", "k", code=NOT_FOUND,
            store=uri + "?certificate=client.pem&key=client.key&ca=ca.pem"),
            "false")

    def test_certificates_that_are_incomplete_are_wrong_usage(self):
        for args in (["--certificate", "server.pem"],
                     ["--certificate", "nowhere.pem", "--key", "server.key",
                      "--ca", "ca.pem"],
                     ["--certificate", "server.pem", "--key", "client.key",
                      "--ca", "ca.pem"]):
            with self.subTest(args):
                self.fails(USAGE, "serve", "--port", "0", *args)
        self.assertFalse((self.folder / "store").exists())
        self.fails(USAGE, "keys",
                   store="caf://127.0.0.1:1?certificate=client.pem")


if __name__ == "__main__":
    unittest.main()
