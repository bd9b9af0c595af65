# SPDX-License-Identifier: MIT
"""Stands between a node and PostgreSQL on a Unix socket, and cuts or stalls the stream.

    proxy = PgProxy(server, directory)
    node.program.url = proxy.url("test_1")
    proxy.cut("ledger/flush", DONE, every=5)   # each 5th flush commits and its reply is lost
    proxy.refuse("ledger/read_fences")         # the server answers each with an error
    proxy.spare()                              # no more of these
    proxy.stall(); proxy.flow()                # nothing passes, new connections get no answer
    proxy.close()

It reads as much of the protocol as it needs: which statement a Bind names, and at which
ReadyForQuery its transaction is over.
"""
import asyncio
import collections
import pathlib
import struct
import threading

UNSENT = "unsent"  # before the Sync: nothing of it stands
SENT = "sent"      # right behind the Sync: it may still be executed when the node asks again
DONE = "done"      # after the commit, before the reply
WHEN = (UNSENT, SENT, DONE)

Rule = collections.namedtuple("Rule", "when every")


def messages(buffer):
    """Takes the whole messages off a bytearray: (type, payload, octets)."""
    while len(buffer) >= 5:
        size = 1 + struct.unpack_from("!I", buffer, 1)[0]
        if len(buffer) < size:
            return
        octets = bytes(buffer[:size])
        del buffer[:size]
        yield octets[:1], octets[5:], octets


def message(kind, payload):
    return kind + struct.pack("!I", 4 + len(payload)) + payload


class Connection:
    """One client and its server connection."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client = client  # (reader, writer)
        self.server = server
        self.owed = collections.deque(["startup"])  # a name for each ReadyForQuery to come
        self.statement = None  # of the last Bind
        self.is_muted = False  # replies do not pass any more: the connection is to be cut
        self.is_over = asyncio.Event()

    async def run(self):
        tasks = [asyncio.ensure_future(task)
                 for task in (self._requests(), self._replies(), self.is_over.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for _, writer in (self.client, self.server):
            writer.transport.abort()

    async def _requests(self):
        reader, writer = self.client[0], self.server[1]
        buffer = bytearray()
        size = await reader.readexactly(4)  # the startup message has no type
        writer.write(size + await reader.readexactly(struct.unpack("!I", size)[0] - 4))
        while octets := await reader.read(65536):
            await self.proxy.flowing.wait()
            buffer += octets
            for kind, payload, whole in messages(buffer):
                if self._is_end(kind, payload, writer, whole):
                    return
            await writer.drain()

    def _is_end(self, kind, payload, writer, whole):
        """Passes one message on; whether the connection ends with it."""
        when = None
        if kind == b"B":
            portal, name, rest = payload.split(b"\0", 2)
            self.statement = name.decode()
            if self.proxy.is_refused(self.statement):
                whole = message(kind, b"\0".join((portal, b"no such statement", rest)))
        elif kind == b"S":
            when = self.proxy.when_to_cut(self.statement)
            self.owed.append("cut" if when == DONE else self.statement)
        elif kind == b"Q":
            self.owed.append("query")
        if when == UNSENT:
            return True
        writer.write(whole)
        self.is_muted = self.is_muted or when == DONE
        return when == SENT

    async def _replies(self):
        reader, writer = self.server[0], self.client[1]
        buffer = bytearray()
        while octets := await reader.read(65536):
            await self.proxy.flowing.wait()
            if not self.is_muted:
                writer.write(octets)
            buffer += octets
            for kind, _, _ in messages(buffer):
                if kind == b"Z" and self.owed.popleft() == "cut":
                    return
            await writer.drain()


class PgProxy:
    """Listens in a directory of its own, in a thread of its own."""

    def __init__(self, server, directory):
        self.server = server
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.rules = {}  # by statement
        self.refused = set()  # statements
        self.refusals = collections.Counter()  # by statement
        self.seen = collections.Counter()
        self.cuts = collections.Counter()  # by (statement, when)
        self.loop = asyncio.new_event_loop()
        self.flowing = asyncio.Event()
        self.flowing.set()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def url(self, database):
        return f"postgresql:///{database}?host={self.directory}&user=edm"

    def cut(self, statement, when, every=1):
        """From now on each every-th execution of it costs the connection."""
        self.rules[statement] = Rule(when, every)

    def refuse(self, statement):
        """From now on it names nothing that the server knows."""
        self.refused.add(statement)

    def spare(self):
        """No more cuts and refusals."""
        self.rules.clear()
        self.refused.clear()

    def is_refused(self, statement):
        self.refusals[statement] += statement in self.refused
        return statement in self.refused

    def when_to_cut(self, statement):
        rule = self.rules.get(statement)
        if rule is None:
            return None
        self.seen[statement] += 1
        if self.seen[statement] % rule.every:
            return None
        self.cuts[statement, rule.when] += 1
        return rule.when

    def stall(self):
        self.loop.call_soon_threadsafe(self.flowing.clear)

    def flow(self):
        self.loop.call_soon_threadsafe(self.flowing.set)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_unix_server(
            self._on_client, self.directory / ".s.PGSQL.5432"))
        self.loop.call_soon(ready.set)
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _on_client(self, reader, writer):
        await self.flowing.wait()
        try:
            server = await asyncio.open_unix_connection(self.server.dir / ".s.PGSQL.5432")
        except OSError:
            writer.transport.abort()
            return
        await Connection(self, (reader, writer), server).run()
