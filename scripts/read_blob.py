#!/usr/bin/python3
"""Reads one blob of larder without any of larder's code.

An independent reader after docs/format.md, made of Debian's python3-cbor2,
python3-lz4, python3-zstandard, python3-cryptography and python3-xxhash. It checks
all checksums and tags, then prints the metadata and the value as JSON:

    {"metadata": {...}, "value": ...}

Keywords and symbols become strings, bytes base 64, sets are sorted by their
text. Exits with 0 if all is well, 3 if the blob is damaged, cannot be decrypted
or is made by codecs that this reader lacks, and 2 if it is called wrongly.
"""

import argparse
import base64
import datetime
import decimal
import hashlib
import json
import math
import os
import re
import struct
import sys
import uuid

import cbor2
import lz4.frame
import xxhash
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEADER = struct.Struct(">BBBBIQII16sqQQ")
TRAILER = struct.Struct(">QII")
ENTRY = struct.Struct(">IQ")
BINARY, CHUNKED, RAW_METADATA, RAW_VALUE = 1, 2, 4, 8
MAX_CHUNK = 16 << 20


class Damaged(Exception):
    """The blob is not what was written, or cannot be read here."""


def check(condition, message):
    if not condition:
        raise Damaged(message)


# -- values --------------------------------------------------------------------


class Named:
    """A keyword, a symbol or a character: text of a kind of its own."""

    def __init__(self, kind, text):
        self.kind, self.text = kind, text

    def __hash__(self):
        return hash((self.kind, self.text))

    def __eq__(self, other):
        return isinstance(other, Named) and vars(self) == vars(other)


class Tagged:
    """An element with a tag that has no meaning here."""

    def __init__(self, tag, content):
        self.tag, self.content = tag, content


def instant(text):
    match = re.fullmatch(r"(.{19})(?:\.(\d{1,9}))?(?:Z|[+-]00:00)", text)
    check(match, "not an instant")
    return datetime.datetime.fromisoformat(match[1]).replace(
        microsecond=int((match[2] or "0").ljust(6, "0")[:6]),
        tzinfo=datetime.timezone.utc)


def scalar_text(x):
    """The text of values that JSON has as a string, else None."""
    if isinstance(x, str):
        return x
    if isinstance(x, Named):
        return x.text
    if isinstance(x, (bytes, bytearray)):
        return base64.b64encode(x).decode()
    if isinstance(x, uuid.UUID):
        return str(x)
    if isinstance(x, datetime.datetime):
        x = x.astimezone(datetime.timezone.utc)
        return (x.strftime("%Y").rjust(4, "0")
                + x.strftime("-%m-%dT%H:%M:%S")
                + f".{x.microsecond // 1000:03}Z")
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    return None


def to_json(x):
    text = scalar_text(x)
    if text is not None:
        return json.dumps(text, ensure_ascii=False)
    if x is None or isinstance(x, (bool, int, float)):
        return json.dumps(x)
    if isinstance(x, decimal.Decimal):
        return str(x)
    if isinstance(x, (set, frozenset)):
        return "[" + ",".join(sorted(map(to_json, x))) + "]"
    if isinstance(x, (list, tuple)):
        return "[" + ",".join(map(to_json, x)) + "]"
    if isinstance(x, Tagged):
        return to_json({"tag": x.tag, "value": x.content})
    members = []
    for name, item in x.items():
        text = scalar_text(name)
        text = to_json(name) if text is None else text
        members.append(json.dumps(text, ensure_ascii=False) + ":"
                       + to_json(item))
    return "{" + ",".join(members) + "}"


# -- CBOR (RFC 8949) -----------------------------------------------------------


def cbor_tag(_decoder, tag):
    if tag.tag == 39:
        if tag.value.startswith(":"):
            return Named("keyword", tag.value[1:])
        return Named("symbol", tag.value)
    check(tag.tag == 27, f"unknown CBOR tag {tag.tag}")
    kind, content = tag.value
    if kind == "clojure/char":
        return Named("character", content)
    if kind == "larder/symbol":
        return Named("symbol", content)
    if kind == "larder/list":
        return content
    if kind == "larder/instant":
        return Named("instant", str(content))
    if kind == "larder/tagged":
        kind, content = content
    return Tagged(kind, content)


def read_cbor(data):
    return cbor2.loads(data, tag_hook=cbor_tag)


# -- EDN (https://github.com/edn-format/edn) -----------------------------------

EDN_TOKEN = re.compile(
    r'[\s,]*(?:;[^\n]*\n[\s,]*)*'
    r'("(?:[^"\\]|\\.)*"|\\u[0-9A-Fa-f]{4}(?![^\s,()\[\]{}";])|\\[^\s]'
    r'[^\s,()\[\]{}";]*|#\{|##[A-Za-z-]+|#_|#[^\s,()\[\]{}";]+|[()\[\]{}]'
    r'|[^\s,()\[\]{}";]+)', re.DOTALL)
EDN_CHARACTERS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r",
                  "formfeed": "\f", "backspace": "\b"}
EDN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b",
               '"': '"', "\\": "\\", "/": "/"}
EDN_NUMBER = re.compile(r"([+-]?\d+)(N?)")
EDN_REAL = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(M?)")
EDN_WORDS = {"nil": None, "true": True, "false": False}
EDN_CLOSERS = {"(": ")", "[": "]", "{": "}", "#{": "}"}


def edn_string(text):
    text = re.sub(r"\\(u[0-9A-Fa-f]{4}|.)",
                  lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u"
                  else EDN_ESCAPES[m[1]], text, flags=re.DOTALL)
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def edn_character(name):
    if name in EDN_CHARACTERS:
        return EDN_CHARACTERS[name]
    if len(name) > 1 and name[0] == "u":
        return chr(int(name[1:], 16))
    check(len(name) == 1, "not a character: " + name)
    return name


def edn_atom(token):
    if token in EDN_WORDS:
        return EDN_WORDS[token]
    if token[0] == ":":
        return Named("keyword", token[1:])
    if token[0] == '"':
        return edn_string(token[1:-1])
    if token[0] == "\\":
        return Named("character", edn_character(token[1:]))
    if token.startswith("##"):
        return float(token[2:])
    if match := EDN_NUMBER.fullmatch(token):
        return int(match[1])
    if match := EDN_REAL.fullmatch(token):
        return decimal.Decimal(match[1]) if match[2] else float(match[1])
    return Named("symbol", token)


def edn_tagged(tag, content):
    if tag == "inst":
        return instant(content)
    if tag == "uuid":
        return uuid.UUID(content)
    if tag == "larder/bytes":
        return base64.b64decode(content)
    if tag == "larder/integer":
        return int(content, 16)
    if tag in ("larder/keyword", "larder/symbol"):
        return Named(tag[7:], content)
    if tag == "larder/tagged":
        tag, content = content
    return Tagged(tag, content)


class EdnReader:
    """Reads one value."""

    def __init__(self, text):
        self.text, self.position = text, 0

    def token(self):
        match = EDN_TOKEN.match(self.text, self.position)
        check(match, "EDN ends early")
        self.position = match.end()
        return match[1]

    def read(self, token=None):
        token = token or self.token()
        if token in EDN_CLOSERS:
            return self.collection(token)
        if token[0] == "#" and not token.startswith("##"):
            return edn_tagged(token[1:], self.read())
        check(token not in (")", "]", "}"), "EDN is not balanced")
        return edn_atom(token)

    def collection(self, opener):
        items = []
        while (token := self.token()) != EDN_CLOSERS[opener]:
            items.append(self.read(token))
        if opener != "{":
            return items
        return EdnMap(zip(items[::2], items[1::2]))


class EdnMap:
    """A map whose keys may be of any kind."""

    def __init__(self, entries):
        self.entries = list(entries)

    def items(self):
        return self.entries

    def get(self, key):
        return next((y for x, y in self.entries if x == key), None)


def read_edn(data):
    reader = EdnReader(data.decode())
    result = reader.read()
    check(not reader.text[reader.position:].strip(), "something follows")
    return result


# -- codecs --------------------------------------------------------------------


def read_lz4(data):
    result, used = lz4.frame.decompress(data, return_bytes_read=True)
    check(used == len(data), "something follows the LZ4 frame")
    return result


def read_zstd(data):
    stream = zstandard.ZstdDecompressor().decompressobj()
    result = stream.decompress(data)
    check(not stream.unused_data, "something follows the Zstandard frame")
    return result


def aes_block(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xaes_open(key, additional_data, sealed):
    """XAES-256-GCM (https://c2sp.org/XAES-256-GCM)."""
    check(len(sealed) >= 40, "an encrypted segment is too short")
    nonce, cipher_text = sealed[:24], sealed[24:]
    zero = int.from_bytes(aes_block(key, bytes(16)), "big")
    subkey = (zero << 1) & ((1 << 128) - 1)
    if zero >> 127:
        subkey ^= 0x87
    derived = b""
    for counter in (1, 2):
        message = bytes([0, counter, 0x58, 0]) + nonce[:12]
        mixed = int.from_bytes(message, "big") ^ subkey
        derived += aes_block(key, mixed.to_bytes(16, "big"))
    try:
        return AESGCM(derived).decrypt(nonce[12:], cipher_text, additional_data)
    except InvalidTag:
        raise Damaged("the authentication tag does not match") from None


SERIALIZERS = {0: read_edn, 3: read_cbor}
COMPRESSORS = {0: bytes, 1: read_lz4, 2: read_zstd}
ENCRYPTORS = {0: None, 64: xaes_open}


def codec(table, number, what):
    check(number in table, f"this reader lacks the {what} {number}")
    return table[number]


# -- keyrings ------------------------------------------------------------------


def read_keyring(name, passphrase):
    with open(name, encoding="utf-8") as file:
        ring = json.load(file)
    check(ring["format"] == "larder keyring" and ring["version"] == 1,
          "not a keyring")
    if "sealed" in ring:
        check(passphrase is not None, "the keyring needs a passphrase")
        sealed = bytes.fromhex(ring.pop("sealed"))
        clear = json.dumps(ring, sort_keys=True, separators=(",", ":"))
        kdf = ring["kdf"]
        key = hashlib.scrypt(passphrase.encode(), dklen=32,
                             salt=bytes.fromhex(kdf["salt"]), n=kdf["n"],
                             r=kdf["r"], p=kdf["p"], maxmem=1 << 30)
        ring = json.loads(xaes_open(key, clear.encode(), sealed))
    return {x["id"]: bytes.fromhex(x["secret"])
            for x in ring["keys"] if not x["retired"]}


# -- blobs ---------------------------------------------------------------------


class Blob:
    """A blob of layout 2 that belongs to a store and a key."""

    def __init__(self, data, store, key, keys):
        check(len(data) >= HEADER.size and data[0] == 2,
              "no header of layout 2")
        self.data, self.store, self.key = data, store, key
        (_, serializer, compressor, encryptor, self.metadata_size,
         self.value_size, self.flags, key_id, self.revision, self.expiry,
         self.value_checksum, self.metadata_checksum) = HEADER.unpack_from(data)
        self.offset = HEADER.size + self.metadata_size
        check(self.flags < 32, "unknown flags")
        check(len(data) == self.offset + self.value_size,
              "the size is not that in the header")
        bound = self.binding("metadata", data[:56])
        segment = data[HEADER.size:self.offset]
        self.check_sum(bound, segment, self.metadata_checksum, "metadata")
        self.deserialize = codec(SERIALIZERS, serializer, "serializer")
        self.decompress = codec(COMPRESSORS, compressor, "compressor")
        self.decrypt = codec(ENCRYPTORS, encryptor, "encryptor")
        if self.decrypt:
            check(key_id in keys, f"no encryption key {key_id}")
            self.secret = keys[key_id]
        self.metadata = self.deserialize(
            self.open(bound, segment, self.flags & RAW_METADATA))

    def binding(self, context, header):
        return (b"larder " + context.encode() + self.store
                + struct.pack(">Q", len(self.key)) + self.key + header)

    @staticmethod
    def check_sum(bound, segment, wanted, what):
        seed = xxhash.xxh3_64_intdigest(bound)
        check(xxhash.xxh3_64_intdigest(segment, seed=seed) == wanted,
              f"the checksum of the {what} is wrong")

    def open(self, bound, segment, raw):
        if self.decrypt:
            segment = self.decrypt(self.secret, bound, segment)
        return segment if raw else self.decompress(segment)

    def value(self):
        segment = self.data[self.offset:]
        bound = self.binding("value", self.data[:48])
        self.check_sum(bound, segment, self.value_checksum, "value")
        return self.deserialize(self.open(bound, segment,
                                          self.flags & RAW_VALUE))

    def binary(self):
        segment = self.data[self.offset:]
        check(len(segment) >= TRAILER.size, "the value is too short")
        size, chunk_size, count = TRAILER.unpack(segment[-TRAILER.size:])
        index_size = count * ENTRY.size + TRAILER.size
        check(index_size <= len(segment), "the value is too short")
        index = segment[-index_size:]
        self.check_sum(self.binding("index", self.data[:48]), index,
                       self.value_checksum, "index")
        check(0 < chunk_size <= MAX_CHUNK and -(-size // chunk_size) == count,
              "the index contradicts itself")
        bound = self.binding("chunk",
                             self.data[:8] + bytes(8) + self.data[16:48])
        result, position = [], 0
        for number in range(count):
            stored, checksum = ENTRY.unpack_from(index, number * ENTRY.size)
            raw, stored = stored >> 31, stored & 0x7FFFFFFF
            name = struct.pack(">QB", number,
                               (number + 1 == count) | raw << 1)
            chunk = segment[position:position + stored]
            position += stored
            self.check_sum(bound + name, chunk, checksum, f"chunk {number}")
            result.append(self.open(bound + name, chunk, raw))
            wanted = min(chunk_size, size - number * chunk_size)
            check(len(result[-1]) == wanted, f"chunk {number} has another size")
        check(position + index_size == len(segment), "there is a gap")
        return b"".join(result)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("blob", help="file with one blob of layout 2")
    parser.add_argument("--store-uuid", required=True, type=uuid.UUID)
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=os.fsencode,
                     help="the key's encoding, such as '\"text' or :keyword")
    key.add_argument("--key-hex", type=bytes.fromhex, dest="key")
    parser.add_argument("--keyring", metavar="FILE")
    parser.add_argument("--passphrase-env", metavar="NAME",
                        help="environment variable with the passphrase")
    parser.add_argument("--raw", action="store_true",
                        help="write the bytes of a binary and nothing else")
    return parser.parse_args()


def main():
    options = arguments()
    passphrase = (os.environ.get(options.passphrase_env)
                  if options.passphrase_env else None)
    with open(options.blob, "rb") as file:
        data = file.read()
    try:
        keys = (read_keyring(options.keyring, passphrase)
                if options.keyring else {})
        blob = Blob(data, options.store_uuid.bytes, options.key, keys)
        binary = bool(blob.flags & BINARY)
        content = blob.binary() if binary else blob.value()
    except Exception as problem:  # what libraries say of bad data varies
        print(f"{options.blob}: {problem}", file=sys.stderr)
        return 3
    if options.raw and binary:
        sys.stdout.buffer.write(content)
        return 0
    members = dict(blob.metadata.items())
    if any(blob.revision):
        members[Named("keyword", "revision")] = blob.revision.hex()
    if blob.expiry:
        members[Named("keyword", "expiry")] = (
            datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
            + datetime.timedelta(milliseconds=blob.expiry))
    print('{"metadata":' + to_json(members) + ',"value":' + to_json(content)
          + "}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
