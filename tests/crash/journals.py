# SPDX-License-Identifier: MIT
"""Reads the journal of a node that is not running; the format stands in scheduler/ledger/record.h.

Only type and key of each record are looked at: who may have been sent to, and of whom the reply is
known. The checker holds this against the database, so it is written apart from the engine's reader.
"""
import collections
import pathlib
import struct

HEADER = struct.Struct(">4sI16s16si16sHHQBI")
HEAD = struct.Struct(">HHI")
PAYLOAD = struct.Struct(">BiiiHH")
INTENT, OUTCOME, RETRACT = 1, 2, 3

Key = collections.namedtuple("Key", "campaign chunk epoch position")


def records(segment):
    """(type, Key) of each whole record of a segment file."""
    data = segment.read_bytes()
    at = HEADER.size
    while at + HEAD.size <= len(data):
        size, _, _ = HEAD.unpack_from(data, at)
        at += HEAD.size
        if at + size > len(data):
            return
        kind, campaign, chunk, epoch, position, _ = PAYLOAD.unpack_from(data, at)
        yield kind, Key(campaign, chunk, epoch, position)
        at += size


def last_words(data_dir):
    """{Key: type of the last record} of a node's data directory."""
    last = {}
    for segment in sorted(pathlib.Path(data_dir, "journal").glob("*.seg")):
        last.update((key, kind) for kind, key in records(segment))
    return last
