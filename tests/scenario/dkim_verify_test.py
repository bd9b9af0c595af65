# SPDX-License-Identifier: MIT
"""What others read out of our messages: two DKIM verifiers and Python's e-mail parser.

The program compose_messages composes and signs; dkimpy and OpenDKIM verify with the DNS records it
printed (no DNS is asked); Python's parser must find the subjects, names, bodies and files put in.
"""

import email
import email.policy
import json
import os
import shutil
import subprocess
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

import dkim
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EDM_BUILD", ROOT / "build/dev"))
TOOL = BUILD / "tools" / "compose_messages"

LONG_HTML = "<p>" + "0123456789 中文 😀 " * 400 + "</p>"
BASE = {
    "subject": "Hello {{ name }}",
    "text": "Hi {{ name }},\n\nbye\n",
    "from_name": "News",
    "from": "news@example.com",
    "to_name": "Anna",
    "to": "anna@qq.com",
    "values": {"name": "Anna"},
    "unsubscribe_url": "https://u.example.com/u/abcdefghijklmnopqrstuvwxyz0123456789",
    "unsubscribe_mailto": "mailto:u@example.com?subject=abc",
    "list_name": "每周 News",
    "list_id": "weekly.example.com",
    "feedback_id": "c7:t1:news:edm01",
}

CASES = {
    "ascii": {},
    "ed25519 alone": {"only": "ed25519"},
    "rsa alone": {"only": "rsa"},
    "chinese": {
        "subject": "你好，{{ name }}：" + "春季促销" * 30,
        "text": "亲爱的{{ name }}：\n" + "今天的消息。" * 200 + "\n",
        "from_name": "北京某某科技有限公司市场部门通知中心邮件服务",
        "to_name": "张三",
        "values": {"name": "张三"},
    },
    "gb18030 only and emoji": {
        "subject": "㐂𠮷𡃁䶮" * 20 + "👨‍👩‍👧😀" * 10,
        "text": "㐂𠮷𡃁{{ name }}\n",
        "to_name": "𠮷田㐂",
        "values": {"name": "😀"},
    },
    "names with specials": {
        "from_name": 'Smith, "Bob" (x) \\ <y>; @z',
        "to_name": "Müller, Jürgen",
        "subject": "=?UTF-8?B?fake?= and =?x?=",
    },
    "html only": {
        "text": "",
        "html": "<html><body>\n<p>你好 {{ name }}</p>\n\t <p>a   b \n</p>\n</body></html>\n\n\n",
        "preheader": "给 {{ name }} 的消息 <&>",
        "values": {"name": "<b>&\"'"},
    },
    "long lines": {"html": LONG_HTML, "text": "x" * 5000 + "\n" + "https://u/" + "y" * 3000},
    "ascii html": {"html": "<p>" + "word " * 3000 + "{{ name }}</p>\n  <i>x</i>  \n"},
    "dots": {"text": ".\n..\n.{{ name }}\n{{ name }}\n.", "values": {"name": "."}},
    "empty": {"text": "{{ none }}", "subject": "", "to_name": "", "from_name": ""},
    "blank lines at the end": {"text": "a\n\n\n\n"},
    "fixed": {"subject": "s", "text": "hello\n", "html": "<p>hello</p>\n"},
    "fixed chinese": {"subject": "s", "text": "你好\n" * 50, "html": "<p>你好</p>\n" * 50},
    "hostile": {
        "subject": "S {{ name }}",
        "text": "{{ name }}\n.{{ name }}{{ name }}",
        "html": "<p>{{ name }}</p>\n{{ name }}",
        "to_name": "x\r\nBcc: evil@example.com\r\n\r\nbody",
        "list_name": "\r\n\r\n",
        "values": {"name": "\r\n.\r\nMAIL\r\n\n.\n\r.\r\x00--=_edm_\t \r\n"},
        "extra": {"X-Token": "a\r\nBcc: b@c.d"},
    },
    "files": {
        "html": '<img src="cid:logo">{{ name }}',
        "attachments": [
            {"name": "报价 (最终版).pdf", "type": "application/pdf", "data": "%PDF\n.\n中"},
            {"name": "报" * 60 + ".txt", "type": "text/plain", "data": "--=_edm_\r\n" * 100},
            {"name": 'a"b\\c.bin', "data": ""},
            {"name": "logo.png", "type": "image/png", "cid": "logo", "data": "PNG"},
        ],
    },
    "reply to and extra": {
        "reply_to": "service@example.com",
        "extra": {"X-Campaign": "c7", "X-Note": "备注"},
    },
}


def clean(text):
    """A header value as the composer cleans it."""
    return "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in text.strip(" \t\r\n"))


def lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


def fill(template, values):
    return template.replace("{{ none }}", "").replace("{{ name }}", values.get("name", ""))


def display_name(raw, field):
    """The name, by the older parser: the newer one puts a space between encoded-words of a phrase,
    against RFC 2047 6.2."""
    value = email.message_from_bytes(raw)[field]
    return str(make_header(decode_header(parseaddr(value)[0])))


@pytest.fixture(scope="module")
def composed(tmp_path_factory):
    """The directory of keys, records and messages, one .eml a case in order."""
    work = tmp_path_factory.mktemp("dkim")
    work.chmod(0o755)
    subprocess.run([TOOL, "keys", work], check=True)
    cases = json.dumps([{**BASE, **case} for case in CASES.values()])
    subprocess.run([TOOL, "messages", work], input=cases.encode(), check=True)
    rows = [
        f"{selector}._domainkey.example.com {(work / name).read_text()}\n"
        for selector, name in (("s1", "rsa.txt"), ("s2", "ed25519.txt"))
    ]
    (work / "dns").write_text("".join(rows))
    return work


def message(composed, name):
    return (composed / f"{list(CASES).index(name)}.eml").read_bytes()


def verifies(composed, raw):
    """dkimpy's verdict on each signature."""
    records = dict(row.split(" ", 1) for row in (composed / "dns").read_text().splitlines())

    def answer(name, timeout=5):
        return records.get(name.decode().rstrip("."), "").encode()

    count = raw.split(b"\r\n\r\n", 1)[0].count(b"DKIM-Signature:")
    verdicts = []
    for index in range(count):
        try:
            verdicts.append(dkim.DKIM(raw).verify(index, dnsfunc=answer))
        except dkim.DKIMException:
            verdicts.append(False)
    return verdicts


@pytest.mark.parametrize("name", CASES)
def test_dkimpy_verifies(composed, name):
    want = 1 if "only" in CASES[name] else 2
    assert verifies(composed, message(composed, name)) == [True] * want


@pytest.mark.parametrize("name", CASES)
def test_opendkim_verifies(composed, name):
    conf = composed / "opendkim.conf"
    conf.write_text(f"Mode v\nSyslog no\nTestDNSData file:{composed}/dns\n")
    eml = composed / f"{list(CASES).index(name)}.eml"
    program = shutil.which("opendkim") or "/usr/sbin/opendkim"
    done = subprocess.run(
        [program, "-x", conf, "-t", eml], capture_output=True, text=True, timeout=30
    )
    assert "succeeded" in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize(
    "field",
    [
        b"Subject: win",
        b"From: evil@example.org",
        b"Content-Type: text/html",
        b"Reply-To: evil@example.org",
        b"List-Unsubscribe-Post: x",
    ],
)
def test_added_field_breaks_the_signature(composed, field):
    raw = message(composed, "chinese")
    header, body = raw.split(b"\r\n\r\n", 1)
    assert verifies(composed, header + b"\r\n" + field + b"\r\n\r\n" + body) == [False, False]
    assert verifies(composed, field + b"\r\n" + raw) == [False, False]
    assert verifies(composed, b"Received: from x by y; z\r\n" + raw) == [True, True]


def test_changed_body_breaks_the_signature(composed):
    raw = message(composed, "ascii")
    assert verifies(composed, raw + b"more\r\n") == [False, False]


@pytest.mark.parametrize("name", CASES)
def test_python_reads_what_was_put_in(composed, name):
    case = {**BASE, **CASES[name]}
    raw = message(composed, name)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    values = case["values"]
    assert parsed["Subject"] == clean(fill(case["subject"], values))
    for field, who in (("From", "from"), ("To", "to")):
        (address,) = parsed[field].addresses
        assert address.addr_spec == case[who]
        assert display_name(raw, field).split() == clean(case[who + "_name"]).split()
    for field in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"):
        assert len(parsed.get_all(field)) == 1
    assert parsed["Bcc"] is None and parsed["Return-Path"] is None
    assert parsed["Date"].datetime.isoformat() == "2023-11-15T06:13:20+08:00"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not parsed.defects
    for part in parsed.walk():
        assert not part.defects, (part.get_content_type(), part.defects)
    check_bodies(parsed, case)
    check_files(parsed, case)


def check_bodies(parsed, case):
    if case["text"]:
        got = parsed.get_body(("plain",)).get_content()
        want = lines(fill(case["text"], case["values"]))
        assert lines(got).rstrip("\n") == want.rstrip("\n")
    if case.get("html"):
        got = lines(parsed.get_body(("html",)).get_content())
        value = case["values"].get("name", "")
        for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"),
                             ("'", "&#39;")):
            value = value.replace(char, entity)
        want = lines(fill(case["html"], {"name": value}))
        if case.get("preheader"):
            assert f"给 {value} 的消息 &lt;&amp;>" in got
            want = want.split("<body>", 1)[1]
        assert got.rstrip("\n").endswith(want.rstrip("\n"))


def check_files(parsed, case):
    want = case.get("attachments", [])
    got = [part for part in parsed.walk() if part.get_filename()]
    assert sorted(part.get_filename() for part in got) == sorted(
        file["name"].replace("\\", "_").replace("/", "_") for file in want
    )
    for part in got:
        (file,) = [f for f in want if f["name"].replace("\\", "_") == part.get_filename()]
        assert part.get_payload(decode=True) == file["data"].encode()


def test_wire_shape(composed):
    for path in composed.glob("*.eml"):
        raw = path.read_bytes()
        assert raw.endswith(b"\r\n") and max(raw) < 128 and b"\0" not in raw
        for line in raw[:-2].split(b"\r\n"):
            assert len(line) <= 998 and not line.startswith(b".")
            assert b"\r" not in line and b"\n" not in line


def test_made_text_part(composed):
    parsed = email.message_from_bytes(message(composed, "html only"), policy=email.policy.default)
    assert [p.get_content_type() for p in parsed.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert lines(parsed.get_body(("plain",)).get_content()) == "你好 <b>&\"'\n\na b\n"
