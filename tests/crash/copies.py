# SPDX-License-Identifier: MIT
"""What receivers have accepted, read from the sink's log as it grows."""
import bisect
import collections

ACCEPTED = b"accepted"


class Copies:
    """All copies so far, whether their reply was read or not; read() goes on where it stopped."""

    def __init__(self, log_file):
        self.log_file = log_file
        self.of = collections.Counter()  # address: copies
        self.message_ids = collections.defaultdict(set)  # address: of its copies
        self.times = []  # of all, in order; wall, microseconds
        self._offset = 0
        self._columns = None

    def read(self):
        """Takes in what is new."""
        with open(self.log_file, "rb") as log:
            log.seek(self._offset)
            data = log.read()
        whole = data[:data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            fields = line.split(b"\t")
            if self._columns is None:
                self._columns = {name.decode(): i for i, name in enumerate(fields)}
            elif fields[self._columns["event"]] == ACCEPTED:
                self._take(fields)

    def first_after(self, time_us):
        """When the first copy read so far was accepted, of those not before that; or None."""
        at = bisect.bisect_left(self.times, time_us)
        return self.times[at] if at < len(self.times) else None

    def _take(self, fields):
        def of(name):
            return fields[self._columns[name]].decode(errors="replace")
        self.of[of("rcpt")] += 1
        self.message_ids[of("rcpt")].add(of("message_id"))
        self.times.append(int(of("time_us")))
