# SPDX-License-Identifier: MIT
"""What a run of tests/crash found, as tables."""
import dataclasses
import statistics

from points import NAMES, RANDOM_TIME


def table(head, rows):
    """Columns aligned: the first to the left."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.rjust(width) if i else cell.ljust(width)
                               for i, (cell, width) in enumerate(zip(row, widths)))
                     for row in cells)


def _row_of_kills(name, kills):
    restarts = [kill.restart_ms for kill in kills if kill.restart_ms is not None]
    return [name, len(kills), sum(kill.open for kill in kills),
            sum(kill.unknown for kill in kills),
            int(statistics.median(restarts)) if restarts else "-", max(restarts, default="-")]


def of_kills(kills):
    """A line for each point, and one for all."""
    rows = [_row_of_kills(name, [kill for kill in kills if kill.point == name])
            for name in [*NAMES, RANDOM_TIME]]
    return table(["killed at", "kills", "open", "unknown", "restart ms (median)", "(most)"],
                 [*rows, _row_of_kills("total", kills)])


def of_stops(stops):
    """How long stops and restarts took."""
    rows = [[what, len(times), int(statistics.median(times)), max(times)]
            for what, times in (("SIGTERM to the end", [stop.stop_ms for stop in stops]),
                                ("start to running", [stop.start_ms for stop in stops]))]
    return table(["ms", "times", "median", "most"], rows)


def of_rounds(rounds):
    """A line for each round."""
    names = [field.name for field in dataclasses.fields(rounds[0])]
    return table(names, [dataclasses.astuple(one) for one in rounds])


def of_figures(check, policy):
    """What became of a campaign's people."""
    figures = {"campaign": check.campaign.id, "policy": policy, **check.figures(),
               "attempts unknown": sum(check.ambiguous().values())}
    return table(list(figures), [list(figures.values())])
