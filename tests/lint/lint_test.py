# SPDX-License-Identifier: MIT
"""Each check can fail, and says where: small trees with one fault each, and their sound twins."""
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SPDX = "/* SPDX-License-Identifier: MIT */\n"
BANNED_H = SPDX + "/*\n * ban atoi: use str_to_i64\n * ban malloc: use xmalloc\n */\n"
LATER = "TO" + "DO"


@pytest.fixture
def lint(tmp_path):
    """lint(check, {path: text}) -> the lines it prints; asserts that they agree with its exit."""
    def run(check, files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        result = subprocess.run([sys.executable, HERE / check, tmp_path], capture_output=True,
                                text=True)
        assert result.returncode == (1 if result.stdout else 0), result.stderr
        assert not result.stderr
        return result.stdout.splitlines()
    return run


def function(body, name="f", parameters="void"):
    return f"int {name}({parameters})\n{{\n{body}\n}}\n"


SIZES = [
    (function("\n" * 56), None),
    (function("\n" * 57), "a.c:1: f: 61 lines, limit 60"),
    (function("if (a && b) x();\n" * 7), None),
    (function("if (a && b) x();\n" * 8), "a.c:1: f: 17 paths (McCabe), limit 15"),
    (function("switch (x) {\n" + "case 1:\n" * 15 + "break;\n}"),
     "a.c:1: f: 16 paths (McCabe), limit 15"),
    (function("for (;;) while (a) if (b) c();"), None),
    (function("for (;;) { while (a) { if (b) { do c(); while (d); } } }"),
     "a.c:1: f: 4 levels of nesting, limit 3"),
    (function("LIST_EACH(i, l) for (;;) switch (x) { case 1: if (b) c(); }"),
     "a.c:1: f: 4 levels of nesting, limit 3"),
    (function("if (a) x(); else if (b) y(); else if (c) z(); else if (d) { if (e) w(); }"), None),
    (function("", parameters="int a, int b, int c, int d, int (*e)(int, int)"), None),
    (function("", parameters="int a, int b, int c, int d, int e, ..."),
     "a.c:1: f: 6 parameters, limit 5"),
    ("struct s a = {\n" + "1,\n" * 70 + "};\n", None),
    ("/* if if { */\n" + function('x = "}{"; y = \'{\';') + function("", "g"), None),
    ("x" * 101 + "\n", "a.c:1: 101 columns, limit 100"),
    ("\t" * 12 + "x" * 5 + "\n", "a.c:1: 101 columns, limit 100"),
    ("\n" * 701, "a.c:701: 701 lines, limit 700"),
]


@pytest.mark.parametrize("source, want", SIZES)
def test_sizes_of_c(lint, source, want):
    assert lint("sizes", {"a.c": source}) == ([want] if want else [])


def test_sizes_of_python_and_cmake(lint):
    long = "def f():\n" + "    pass\n" * 60
    assert lint("sizes", {"a.py": long, "CMakeLists.txt": "\n" * 81, "b/CMakeLists.txt": "\n" * 81,
                          "tests/tool": "#!/usr/bin/python3\n" + long}) == [
        "CMakeLists.txt:81: 81 lines, limit 80", "a.py:1: f: 61 lines, limit 60",
        "tests/tool:2: f: 61 lines, limit 60"]


@pytest.mark.parametrize("path, source, want", [
    ("a.c", "x = atoi (s);\n", "a.c:1: atoi is banned: use str_to_i64"),
    ("a.c", "x = (atoi)(s);\n", "a.c:1: atoi is banned: use str_to_i64"),
    ("a.c", "// atoi(s)\n/* atoi(s)\n */ y(\"atoi(s)\"); my_atoi(s); p->malloc(1);\n", None),
    ("engine/base/must.c", "p = (malloc)(n);\n", None),
    ("engine/base/must.c", "\np = malloc(n);\n",
     "engine/base/must.c:2: malloc is banned: use xmalloc"),
])
def test_banned(lint, path, source, want):
    tree = {"engine/base/banned.h": BANNED_H, path: source}
    assert lint("banned", tree) == ([want] if want else [])


def test_banned_wants_its_table(lint):
    assert lint("banned", {"engine/base/banned.h": SPDX}) == [
        'engine/base/banned.h:1: no "ban NAME: reason" lines']


def test_format(lint):
    style = "BasedOnStyle: LLVM\n"
    assert lint("format", {".clang-format": style, "a.c": "int a;\n"}) == []
    found = lint("format", {".clang-format": style, "b/b.c": "int a;\nint  b;\n"})
    assert len(found) == 1 and found[0].startswith("b/b.c:2: code should be clang-formatted")


@pytest.mark.parametrize("path, text, want", [
    ("a.c", SPDX, None),
    ("a.h", "\n" + SPDX, "a.h:1: the first line is not"),
    ("a.md", f"x\n{LATER}: y\n", "a.md:2: work left for later"),
    ("a.py", "x = '/wo" + "rk/x'\n", "a.py:1: an absolute path of one machine"),
    ("a.py", "x = 'a/wo" + "rk/x'\n", None),
    ("a.sh", "curl https://py" + "pi.org/simple\n", "a.sh:1: a package registry by name"),
    ("tests/fuzz/corpus/x", LATER, None),
])
def test_words(lint, path, text, want):
    found = lint("words", {path: text})
    assert len(found) == (want is not None) and all(line.startswith(want) for line in found)


@pytest.mark.parametrize("path, text, want", [
    ("tests/a.py", "time.sleep(1)\n", 1), ("tests/a.py", "from time import sleep\n", 1),
    ("tests/a.py", "sleeper()\n", 0), ("tests/a.c", "usleep (3);\n", 1),
    ("tests/a.c", "/* usleep(3) */\n", 0), ("tests/run", "#!/bin/bash\nx; sleep 1\n", 2),
    ("tests/run", "#!/bin/bash\n# sleep 1\n", 0), ("engine/a.c", "usleep(3);\n", 0),
])
def test_sleeps(lint, path, text, want):
    found = lint("sleeps", {path: text})
    assert found == ([f"{path}:{want}: a test sleeps: let it wait for an event"] if want else [])


BASE = {"engine/base/str.h": "", "engine/pg/pg.h": "", "engine/pg/pg_private.h": "",
        "scheduler/cli/cli.h": "", "scheduler/node/node.h": "", "lists/list.h": "",
        "ip-pool/pool.h": "", "tests/unit/lists/made.h": "", "engine/base/clock.h": "",
        "engine/loop/loop.h": ""}


@pytest.mark.parametrize("path, include, want", [
    ("engine/pg/pg.c", '"engine/base/str.h"', None),
    ("engine/base/str.c", '"engine/pg/pg.h"', "engine/base may not include engine/pg"),
    ("lists/list.c", '"ip-pool/pool.h"', "lists may not include ip-pool"),
    ("scheduler/main.c", '"scheduler/node/node.h"', None),
    ("scheduler/cli/cli.c", '"scheduler/node/node.h"',
     "scheduler/cli may not include scheduler/node"),
    ("tests/unit/lists/list_test.c", '"ip-pool/pool.h"', "lists may not include ip-pool"),
    ("engine/pg/rows.c", '"engine/pg/pg_private.h"', None),
    ("tests/unit/lists/list_test.c", '"tests/unit/lists/made.h"', None),
    ("tests/unit/engine/pg/rows_test.c", '"engine/pg/pg_private.h"', None),
    ("lists/list.c", '"engine/pg/pg_private.h"', "engine/pg/pg_private.h is private to engine/pg"),
    ("engine/pg/rows.c", '"pg.h"', '"pg.h" is no file'),
    ("lists/list.c", "<libpq-fe.h>", "<libpq-fe.h> is only for engine/pg"),
    ("engine/pg/rows.c", "<libpq-fe.h>", None),
    ("ip-pool/pool.c", '"engine/base/clock.h"', "ip-pool is pure"),
    ("ip-pool/pool.c", "<sys/socket.h>", "ip-pool is pure"),
    ("engine/new/x.c", "<stdio.h>", "engine/new is no layer of tests/lint/layers"),
])
def test_layers_of_includes(lint, path, include, want):
    found = lint("layers", {**BASE, path: f"/* x */\n#include {include}\n"})
    assert len(found) == (want is not None), found
    assert all(line.split(": ", 1)[1].startswith(want) for line in found)


def test_layers_of_links(lint):
    text = "edm_layer(lists LINK edm_engine_pg csv)\nedm_layer(engine/base LINK edm_engine_pg)\n"
    assert lint("layers", {"x/CMakeLists.txt": text}) == [
        "x/CMakeLists.txt:2: engine/base may not link engine/pg"]


MIGRATION = """CREATE TABLE edm.member (x int);
COMMENT ON TABLE edm.member IS 'People. Written'
    ' by lists (import).';
CREATE TABLE edm.outcome (x int); -- CREATE TABLE edm.none ()
COMMENT ON TABLE edm.outcome IS 'Written by ledger/flush.';
"""


@pytest.mark.parametrize("query, want", [
    ("INSERT INTO member VALUES (1)", None),
    ("SELECT 1 FROM outcome FOR UPDATE", None),
    ("INSERT INTO member VALUES (1)\nON CONFLICT (x) DO UPDATE SET x = 'UPDATE none'", None),
    ("SELECT 1;\nUPDATE edm.outcome SET x = 1", "2: writes outcome, which is written by ledger"),
    ("DELETE FROM outcome", "1: writes outcome"),
    ("INSERT INTO nobody SELECT 1", "1: writes nobody"),
    ("CREATE TEMP TABLE part (x int);\nCOPY part FROM STDIN", None),
])
def test_layers_of_tables(lint, query, want):
    path = "schemas/queries/lists/q.sql"
    found = lint("layers", {"schemas/migrations/0001_x.sql": MIGRATION, path: query})
    assert len(found) == (want is not None), found
    assert all(line.startswith(f"{path}:{want}") for line in found)


@pytest.mark.parametrize("comment", ["", "COMMENT ON TABLE edm.a IS 'Things.';"])
def test_tables_say_who_writes_them(lint, comment):
    path = "schemas/migrations/0001_x.sql"
    assert lint("layers", {path: f"CREATE TABLE edm.a (x int);\n{comment}\n"}) == [
        f'{path}:1: the comment of table a does not end with "Written by …"']


@pytest.mark.parametrize("pair, want", [
    ('{"there is no %s: %s", "没有 %1：%~2"}', None),
    ('{"say which one",\n "说明是哪个"}', None),
    ('{"say which of them", "说明是哪个"}', 'nobody says "say which of them" any more'),
    ('{"there was no %.*s", "没有 %1"}', 'nobody says "there was no" any more'),
    ('{"say which one", "说明是 %1"}', '"say which one" has no %1'),
    ('{"there is no %s: %s", "没有 %s：%~2"}', '"没有 %s：%~2" has a % without a number'),
    ('{"there is no %s: %s", "没有 %1（100 %）：%~"}', '"没有 %1（100 %）：%~" has a % without a number'),
    ('{"there is no %s: %s", "没有 %1（100 %%）：%~2"}', None),
])
def test_sentences(lint, pair, want):
    path = "scheduler/report/sentence_pairs.c"
    said = 'f("there is no %s: " WHY);\nconst char *why = "say "\n\t"which one";\n'
    assert lint("sentences", {"a.c": said, path: pair}) == ([f"{path}:1: {want}"] if want else [])


@pytest.mark.parametrize("english, want", [
    ("it is cold\ncannot open %s: %s\n", []),
    ("cannot open %s: %s\n", ['lists/a.c:2: "it is cold" has no Chinese']),
    ("it is cold\ncannot open %s: %s\nno %s\n",
     ["tests/lint/sentences_english.txt:3: has its Chinese, or is gone: take it out of the list"]),
])
def test_what_operators_are_told_has_chinese(lint, english, want):
    code = ('err_set(err, ERR_USAGE, "no %s", name);\nerr_set(err, ERR_USAGE, "it is " "cold");\n'
            'err_errno(err, errno, "cannot open %.*s", name);\n')
    assert lint("sentences", {
        "lists/a.c": code, "tests/lint/sentences_english.txt": english,
        "scheduler/report/sentence_pairs.c": '{"no %s", "没有 %1"},\n'}) == want
