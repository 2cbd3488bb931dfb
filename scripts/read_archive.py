#!/usr/bin/python3
"""Reads archives of larder without any of larder's code.

An independent reader after docs/archive-format.md. It takes a full archive and
the archives that build on it, in order (or one archive of whatever kind), checks
everything, and prints one line of JSON for each key of the last one:

    {"key": "\\"text", "revision": "…", "size": 123, "metadata": {…}, "value": …}

The value of a log is its first position and its entries. With --raw no blob is
opened, so that no keyring is needed, and the line has the SHA-256 of the blob (of
a log: of head and segments) in place of metadata and value. Keys of an archive
alone whose blobs are in its base have no more than key and revision. Exits with
0 if all is well, 3 if something is damaged or incomplete, and 2 if it is called
wrongly.
"""

import argparse
import hashlib
import json
import os
import struct
import sys
import uuid

import xxhash

import read_blob

MAGIC = b"\x89larder\r\n\x1a\n"
VERSIONS = (1, 2)  # 1 has no logs
HEAD = struct.Struct(">cI")
MAX_BODY = 1 << 24


class Incomplete(read_blob.Damaged):
    """The archive ends early."""


def fields(value):
    """A map whose keys are keywords, by their names."""
    return {key.text: item for key, item in value.items()}


class Log:
    """What an archive says of a log besides its head."""

    def __init__(self, log_id, first, end):
        self.id, self.first, self.next, self.segments = log_id, first, end, []

    def open(self, head, store, keys):
        """All entries, after the head's value has been read."""
        read_blob.check((head["log"], head["first"], head["next"])
                        == (self.id, self.first, self.next),
                        "the head is of another log")
        position, entries = head["begin"], []
        for number, (revision, blob) in enumerate(self.segments, self.first):
            key = b"\0S" + self.id.bytes + struct.pack(">Q", number)
            parsed = read_blob.Blob(blob, store, key, keys)
            read_blob.check(parsed.revision == revision, "another revision")
            segment = fields(parsed.value())
            read_blob.check(segment["from"] == position,
                            "a segment begins elsewhere")
            entries += segment["entries"]
            position += len(segment["entries"])
        entries += head["tail"]
        read_blob.check(position + len(head["tail"]) == head["end"],
                        "a log has another number of entries")
        return {"begin": head["begin"], "entries": entries}


class Archive:
    """One archive, read as a stream."""

    def __init__(self, file):
        self.file = file
        self.records, self.unchanged, self.size = {}, {}, 0
        magic = self.read(len(MAGIC) + 1)
        read_blob.check(magic[:-1] == MAGIC, "no archive of larder")
        self.version = magic[-1]
        read_blob.check(self.version in VERSIONS, "an unknown version")
        self.checksum = xxhash.xxh3_64_intdigest(magic)
        kind, body = self.frame()
        read_blob.check(kind == b"H" and len(body) >= 56, "no header")
        self.id, self.store, base = (
            uuid.UUID(bytes=body[i:i + 16]) for i in (0, 16, 32))
        self.base = base if base.int else None
        self.created, = struct.unpack_from(">q", body, 48)
        self.name = body[56:].decode()
        self.read_frames()

    def read(self, size):
        data = self.file.read(size)
        if len(data) < size:
            raise Incomplete("the archive is incomplete")
        return data

    def frame(self):
        head = self.read(HEAD.size)
        kind, size = HEAD.unpack(head)
        read_blob.check(size <= MAX_BODY, "a frame is too large")
        body = self.read(size)
        self.checksum = xxhash.xxh3_64_intdigest(head + body,
                                                 seed=self.checksum)
        wanted, = struct.unpack(">Q", self.read(8))
        read_blob.check(wanted == self.checksum, "a checksum is wrong")
        return kind, body

    def read_frames(self):
        while True:
            kind, body = self.frame()
            if kind == b"R":
                self.read_record(body)
            elif kind == b"L" and self.version > 1:
                self.read_log(body)
            elif kind == b"U":
                read_blob.check(self.base and len(body) >= 16,
                                "an unchanged key in a full archive")
                self.add(self.unchanged, body[16:], body[:16])
            else:
                read_blob.check(kind == b"T", "a frame in a wrong place")
                return self.end(body)

    def add(self, where, key, what):
        read_blob.check(key not in self.records and key not in self.unchanged,
                        "a key occurs twice")
        where[key] = what

    def read_record(self, body):
        read_blob.check(len(body) >= 32, "a record is too short")
        size, tail_size = struct.unpack_from(">QQ", body, 16)
        read_blob.check(tail_size <= size, "a tail is too large")
        data, kind, end = self.read_blob(size)
        read_blob.check(kind in (b"A", b"E") and not end,
                        "a frame inside a record")
        if kind == b"E":
            read_blob.check(len(data) == size, "a record is too short")
            blob = data[tail_size:] + data[:tail_size]
            self.add_record(body[32:], body[:16], blob)

    def read_blob(self, size):
        """The bytes of a blob, and the frame that follows them."""
        data = b""
        while True:
            kind, piece = self.frame()
            if kind != b"D":
                return data, kind, piece
            read_blob.check(piece, "an empty piece")
            data += piece
            read_blob.check(len(data) <= size, "a record is too long")

    def read_log(self, body):
        read_blob.check(len(body) >= 56, "a log is too short")
        size, = struct.unpack_from(">Q", body, 16)
        log = Log(uuid.UUID(bytes=body[24:40]),
                  *struct.unpack_from(">QQ", body, 40))
        read_blob.check(log.first <= log.next, "a log ends before it begins")
        head, kind, frame = self.read_blob(size)
        data = head
        while kind == b"S":
            read_blob.check(len(data) == size, "a segment is too short")
            read_blob.check(len(frame) == 24, "a segment has another size")
            size, = struct.unpack_from(">Q", frame, 16)
            revision = frame[:16]
            data, kind, frame = self.read_blob(size)
            log.segments.append((revision, data))
        read_blob.check(kind in (b"A", b"E") and not frame,
                        "a frame inside a log")
        if kind == b"E":
            read_blob.check(len(data) == size, "a log is too short")
            read_blob.check(len(log.segments) == log.next - log.first,
                            "a log has another number of segments")
            self.add_record(body[56:], body[:16], head, log)

    def add_record(self, key, revision, blob, log=None):
        self.add(self.records, key, (revision, blob, log))
        self.size += len(blob)
        if log is not None:
            self.size += sum(len(segment) for _, segment in log.segments)

    def end(self, body):
        read_blob.check(len(body) == 32, "the trailer has another size")
        records, unchanged, size, self.missing = struct.unpack(">4Q", body)
        read_blob.check((records, unchanged, size)
                        == (len(self.records), len(self.unchanged), self.size),
                        "the trailer has other numbers")
        read_blob.check(not self.file.read(1), "something follows the archive")


def resolve(archives):
    """The keys of the last archive, each with revision and blob."""
    state, before = {}, None
    for archive in archives:
        read_blob.check(before is None or archive.base == before.id,
                        "an archive does not build on the one before it")
        current = dict(archive.records)
        for key, revision in archive.unchanged.items():
            if before is None:
                current[key] = (revision, None, None)
                continue
            read_blob.check(key in state and state[key][0] == revision,
                            "an unchanged key is not in the archive before")
            current[key] = state[key]
        state, before = current, archive
    return state


def describe(archive, key, record, keys, raw):
    revision, blob, log = record
    members = {"key": key.decode(), "revision": revision.hex()}
    if blob is None:
        return json.dumps(members)
    blobs = [blob] + ([data for _, data in log.segments] if log else [])
    members["size"] = sum(map(len, blobs))
    if raw:
        members["sha256"] = hashlib.sha256(b"".join(blobs)).hexdigest()
        return json.dumps(members)
    parsed = read_blob.Blob(blob, archive.store.bytes, key, keys)
    read_blob.check(parsed.revision == revision, "another revision")
    content = (parsed.binary() if parsed.flags & read_blob.BINARY
               else parsed.value())
    if log is not None:
        content = log.open(fields(content), archive.store.bytes, keys)
    return (json.dumps(members)[:-1] + ', "metadata": '
            + read_blob.to_json(dict(parsed.metadata.items()))
            + ', "value": ' + read_blob.to_json(content) + "}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("archives", metavar="ARCHIVE", nargs="+")
    parser.add_argument("--raw", action="store_true",
                        help="do not open the blobs")
    parser.add_argument("--keyring", metavar="FILE")
    parser.add_argument("--passphrase-env", metavar="NAME",
                        help="environment variable with the passphrase")
    return parser.parse_args()


def main():
    options = arguments()
    passphrase = (os.environ.get(options.passphrase_env)
                  if options.passphrase_env else None)
    try:
        keys = (read_blob.read_keyring(options.keyring, passphrase)
                if options.keyring else {})
        archives = []
        for name in options.archives:
            with open(name, "rb") as file:
                archives.append(Archive(file))
        for key, record in sorted(resolve(archives).items()):
            print(describe(archives[-1], key, record, keys, options.raw))
    except Exception as problem:  # what libraries say of bad data varies
        print(f"{options.archives[-1]}: {problem}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
