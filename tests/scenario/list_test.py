# SPDX-License-Identifier: MIT
"""Lists and suppression from the command line: files in, files out, and back."""

import csv
import io

import pytest

ROWS = (
    "邮箱,姓名,城市\nli@qq.com,李雷,上海\nbob@example.org,Bob,\n坏的,无,无\nLI@QQ.com,李雷二,北京\n"
)


@pytest.fixture
def sheet(tmp_path):
    """A file as Excel in China writes it: GB18030, one row no address, one twice."""
    path = tmp_path / "名单.csv"
    path.write_bytes(ROWS.encode("gb18030"))
    return path


@pytest.fixture
def customers(edm, sheet):
    """The file imported."""
    edm("list", "import", sheet, "--list", "customers", "--consent", "店", "--yes")
    return edm


def test_an_import_shows_what_it_found_and_counts_every_row(edm, sheet):
    out = edm("list", "import", sheet, "--list", "customers", "--yes").out
    assert "名单.csv: GB18030, cells between commas, first row is the header" in out
    assert "邮箱 → the address" in out and "姓名 → {{ name }}" in out and "李雷" in out
    assert "4 rows into list customers (new)" in out and "to take it back: edm list undo 1" in out
    refused = sheet.with_name("名单.refused.csv")
    assert "坏的" in refused.read_text("utf-8-sig") and str(refused) in out
    again = edm("list", "import", sheet, "--list", "customers", "--json", "--yes").json
    assert {k: again[k] for k in ("rows", "added", "unchanged", "duplicates", "refused")} == {
        "rows": 4,
        "added": 0,
        "unchanged": 2,
        "duplicates": 1,
        "refused": 1,
    }


def test_a_file_of_refused_rows_that_was_mended_stays(edm, sheet):
    def refused_file():
        return edm("list", "import", sheet, "--list", "l", "--json", "--yes").json["refused_file"]

    first = sheet.with_name("名单.refused.csv")
    assert refused_file() == refused_file() == str(first), "the same is no reason for another"
    first.write_text("email\nmended@qq.com\n")
    other = sheet.with_name("名单.refused.2.csv")
    assert refused_file() == refused_file() == str(other)
    assert first.read_text() == "email\nmended@qq.com\n" and "坏的" in other.read_text("utf-8-sig")
    out = edm("list", "import", sheet, "--list", "l", "--yes").out
    assert f"{first} is another and stays" in out
    found = edm("list", "import", first, "--list", "l", "--json", "--yes").json
    assert found["added"] == 1 and found["refused_file"] is None


def test_a_dry_run_changes_nothing(edm, sheet, database):
    found = edm("list", "import", sheet, "--list", "customers", "--dry-run", "--json").json
    assert found["added"] == 2 and found["import_id"] is None and found["dry_run"]
    assert database.value("SELECT count(*) FROM list") == 0


def test_a_file_comes_from_standard_input_too(edm):
    found = edm("list", "import", "-", "--list", "l", "--json", "--yes", stdin="a@b.example\n").json
    assert found["added"] == 1 and found["list_made"]


@pytest.mark.parametrize(
    "code, options, words",
    [
        (2, [], "into which list?"),
        (2, ["--list", "-x"], "list"),
        (2, ["--list", "bad/name"], "without blanks, @ and /"),
        (2, ["--list", "bad name"], "without blanks, @ and /"),
        (2, ["--list", "l", "--update", "some"], "--update is merge, replace or keep"),
        (2, ["--list", "l", "--map", "name"], "--map takes COLUMN=NAME"),
        (2, ["--list", "l", "--map", "nope=email"], "nope"),
        (2, ["--list", "l", "--delimiter", "xx"], "--delimiter is one character"),
        (2, ["--list", "l", "--encoding", "klingon"], "klingon"),
    ],
)
def test_an_import_refuses_what_it_cannot_do(edm, sheet, database, code, options, words):
    assert words in edm.fails(code, "list", "import", sheet, *options)
    assert database.value("SELECT count(*) FROM list") == 0


def test_what_is_no_list_of_people_is_refused(edm, tmp_path):
    assert "cannot" in edm.fails(1, "list", "import", "/nope.csv", "--list", "l")
    (tmp_path / "x.csv").write_text("a,b\nc,d\n")
    assert "address" in edm.fails(1, "list", "import", tmp_path / "x.csv", "--list", "l")


def test_a_file_without_people_is_refused(edm, tmp_path, database):
    (tmp_path / "x.csv").write_text("email,name\n")
    for words in (["list", "import", "--list", "l"], ["suppress", "import", "--cause", "bounced"]):
        told = edm.fails(1, *words[:2], tmp_path / "x.csv", *words[2:], "--yes")
        assert "a header and no rows" in told
    assert database.value("SELECT count(*) FROM list") == 0


def test_a_closed_quote_with_text_behind_it_spoils_its_own_row_alone(edm, tmp_path):
    (tmp_path / "x.csv").write_text(
        'email,name\n"a 7"@a.test,q\nb@a.test,"Ann" Smith\nc@a.test,x\n')
    found = edm("list", "import", tmp_path / "x.csv", "--list", "l", "--json", "--yes").json
    assert (found["added"], found["refused"]) == (2, 1)
    assert "Ann Smith" in edm("list", "export", "l").out


def test_an_import_is_not_begun_unasked(edm, sheet, database):
    for file, options in [(sheet, []), (sheet, ["--json"]), ("-", [])]:
        words = edm.fails(4, "list", "import", file, "--list", "l", *options, stdin="a@b.example\n")
        assert "needs --yes where there is nobody to ask" in words
    words = edm.fails(4, "suppress", "import", sheet, "--cause", "unsubscribed")
    assert "needs --yes" in words
    assert database.value("SELECT count(*) FROM list") == 0
    assert database.value("SELECT count(*) FROM suppression") == 0
    edm("list", "import", sheet, "--list", "l", "--dry-run")


def test_a_file_of_which_nobody_is_taken_is_an_error(edm, tmp_path, database):
    (tmp_path / "x.csv").write_text("email\nnobody\nat-all\n")
    words = edm.fails(1, "list", "import", tmp_path / "x.csv", "--list", "l", "--yes")
    assert "nothing was taken" in words and "2 rows" in words and words.count("\n") == 1
    assert database.value("SELECT count(*) FROM list") == 0
    refused = words.split("the reasons are in ")[1].split(")")[0]
    assert "nobody" in open(refused).read()
    words = edm.fails(1, "suppress", "import", tmp_path / "x.csv", "--cause", "unsubscribed",
                      "--yes")
    assert "nothing was taken" in words
    assert database.value("SELECT count(*) FROM import") == 0


def test_counts_are_in_grammar(edm, tmp_path):
    (tmp_path / "x.csv").write_text("email\na@b.example\n")
    out = edm("list", "import", tmp_path / "x.csv", "--list", "l", "--yes").out
    assert "1 row into list l" in out
    assert "with its 1 member;" in edm("list", "remove", "l", "--yes").out


def test_show_tells_members_attributes_domains_and_imports(customers):
    shown = customers("list", "show", "customers", "--json").json
    assert shown["subscribed"] == 2 and {d["name"] for d in shown["domains"]} == {
        "qq.com",
        "example.org",
    }
    assert {a["name"]: a["members"] for a in shown["attributes"]} == {"name": 2, "city": 1}
    assert (
        shown["import_list"][0]["encoding"] == "GB18030"
        and shown["import_list"][0]["imported_by"] == "tester"
    )
    assert [entry["name"] for entry in customers("list", "show", "--json").json] == ["customers"]
    assert (
        "qq.com" in customers("list", "show", "customers").out
        and "customers" in customers("list", "show").out
    )
    assert "nope" in customers.fails(3, "list", "show", "nope")


def test_an_export_can_be_imported_again(customers, tmp_path):
    out = customers("list", "export", "customers").out
    rows = list(csv.DictReader(io.StringIO(out.lstrip("\ufeff"))))
    assert {row["email"].lower(): row["name"] for row in rows} == {
        "li@qq.com": "李雷二",
        "bob@example.org": "Bob",
    }
    customers("list", "export", "customers", "--output", tmp_path / "out.csv")
    again = customers(
        "list", "import", tmp_path / "out.csv", "--list", "customers", "--json", "--yes"
    ).json
    assert again["unchanged"] == 2
    assert "nope" in customers.fails(3, "list", "export", "nope", "--output", tmp_path / "no.csv")
    assert not (tmp_path / "no.csv").exists()


def test_undo_takes_an_import_back_once(customers):
    assert "needs --yes" in customers.fails(4, "list", "undo", "1")
    assert customers("list", "undo", "1", "--yes", "--json").json["removed"] == 2
    assert customers("list", "show", "customers", "--json").json["subscribed"] == 0
    customers.fails(4, "list", "undo", "1", "--yes")
    for options in ([], ["--yes"]):
        assert "no import 99" in customers.fails(3, "list", "undo", "99", *options)
    assert "is no import" in customers.fails(2, "list", "undo", "x", "--yes")


def test_remove_asks_with_the_number_of_members(customers):
    assert "its 2 members" in customers.fails(4, "list", "remove", "customers")
    assert customers("list", "remove", "customers", "--yes", "--json").json == {
        "name": "customers", "removed": True, "members": 2}
    customers.fails(3, "list", "show", "customers")


def test_suppressions_are_added_checked_and_taken_back(customers):
    assert customers("suppress", "check", "li@qq.com", "--json").json["suppressed"] is False
    assert (
        customers("suppress", "add", "li@qq.com", "x@y.example", "--note", "电话", "--json").json[
            "added"
        ]
        == 2
    )
    found = customers("suppress", "check", "Li@QQ.com", "--json").json
    assert (
        found["suppressed"]
        and found["entries"][0]["cause"] == "operator"
        and found["entries"][0]["note"] == "电话"
    )
    assert "everywhere: an operator added it" in customers("suppress", "check", "li@qq.com").out
    customers(
        "suppress",
        "add",
        "li@qq.com",
        "--list",
        "customers",
        "--cause",
        "complained",
        "--for",
        "30d",
    )
    assert customers("suppress", "check", "li@qq.com", "--json").json["entries"][1]["until"]
    assert "Taking 2 suppressions back" in customers.fails(4, "suppress", "remove", "li@qq.com")
    assert (
        customers("suppress", "remove", "li@qq.com", "--cause", "operator", "--yes", "--json").json[
            "removed"
        ]
        == 1
    )
    assert "no suppression fits" in customers.fails(
        3, "suppress", "remove", "nobody@y.example", "--yes"
    )
    assert "there is no @" in customers.fails(2, "suppress", "add", "a@y.example", "x")
    assert (
        customers("suppress", "check", "a@y.example", "--json").json["suppressed"] is False
    ), "all or none"


def test_a_file_of_suppressions_and_its_undo(customers, tmp_path):
    (tmp_path / "gone.csv").write_text("email\nli@qq.com\nbad\n")
    found = customers(
        "suppress", "import", tmp_path / "gone.csv", "--cause", "unsubscribed", "--json", "--yes"
    ).json
    assert (found["added"], found["refused"]) == (1, 1)
    assert (
        customers("suppress", "check", "li@qq.com", "--json").json["entries"][0]["cause"]
        == "unsubscribed"
    )
    assert "which? Give" in customers.fails(2, "suppress", "undo", "--yes")
    customers("suppress", "undo", "--import", found["import_id"], "--yes")
    assert customers("suppress", "check", "li@qq.com", "--json").json["suppressed"] is False
    assert "--cause is bounced" in customers.fails(2, "suppress", "undo", "--cause", "why", "--yes")
