# SPDX-License-Identifier: MIT
"""The demo, small: it ends well, ends again, cleans up, and its last words work."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "tests/demo/run"
SECONDS = 120


@pytest.fixture
def environment(build, tmp_path):
    return {**os.environ, "EDM_BUILD": str(build), "TMPDIR": str(tmp_path)}


@pytest.fixture
def demo(environment):
    """demo(code, options…): the output of a run that ends with this code."""
    def run(code, *options):
        done = subprocess.run([RUN, *map(str, options)], env=environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
        assert done.returncode == code, done.stdout
        return done.stdout
    return run


def processes_of(directory):
    """Command lines that name the directory, of whoever still runs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{directory}/" in command or f"--data {directory}" in command:
            found.append(command)
    return found


def test_it_ends_and_leaves_nothing(demo, tmp_path):
    said = demo(0, "--recipients", 600)
    assert "0 came twice; 0 to somebody else" in said
    assert "not classified" not in said, "what its receivers say is known"
    assert re.search(r"audience +600", said)
    assert said.count("./edm ") > 10
    assert list(tmp_path.glob("edm-demo-*")) == []
    assert processes_of(tmp_path) == []


def test_kept_then_again_then_stopped(demo, environment, tmp_path):
    directory = tmp_path / "kept"
    said = demo(0, "--recipients", 600, "--keep", "--data", directory)
    three = said.split("Three commands to try next:")[1].split("\n\n")[0].split("\n")
    commands = [line.strip() for line in three if line.strip()]
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, text=True,
                              capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 0 and done.stdout, (command, done.stderr)
    refuses_under_another_node(demo, environment, directory)
    said = demo(0, "--recipients", 300, "--keep", "--data", directory)
    assert "Removing the demo" in said and re.search(r"audience +300", said)
    demo(0, "--stop", "--data", directory)
    assert not directory.exists()
    assert processes_of(directory) == []


def refuses_under_another_node(demo, environment, directory):
    """Of somebody who tries one of their own beside it: it is named, and all goes on."""
    own = directory.parent / "own"
    (own / "data").mkdir(parents=True)
    home = (directory / "postgres").resolve()
    shutil.copy(directory / "node.key", own / "data")
    command = [ROOT / "edm", "run", "--node", "second", "--data", own / "data",
               "--database", f"postgresql:///edm?user=edm&host={home}/run"]
    with subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE) as node:
        for line in node.stderr:
            if "event=node_running" in line:
                break
        before = len(processes_of(directory))
        said = demo(4, "--stop", "--data", directory)
        assert "node second is running on" in said and f"(process {node.pid})" in said
        assert len(processes_of(directory)) == before
        node.send_signal(signal.SIGTERM)
        node.stderr.read()


@pytest.mark.parametrize("code, options", [(2, ["--bogus"]), (3, ["--stop", "--data", "none"])])
def test_the_launcher_does_not_build_for_nothing(environment, tmp_path, code, options):
    done = subprocess.run([ROOT / "edm", "demo", *options], env=environment, cwd=tmp_path,
                          text=True, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == code and "-- " not in done.stderr, done.stderr


def test_interrupted_while_it_sends(environment, tmp_path):
    with subprocess.Popen([RUN, "--recipients", "20000"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if " running " in line and "rate=" in line:
                break
        process.send_signal(signal.SIGINT)
        said.extend(process.stdout)
    said = "".join(said)
    assert process.returncode == 128 + signal.SIGINT, said
    assert "everything is cleaned up" in said
    assert list(tmp_path.glob("edm-demo-*")) == []
    until(lambda: processes_of(tmp_path) == [], 10, "nothing of the demo runs")


@pytest.mark.parametrize("options, want", [
    (("--database", "postgresql:///x"), "always has a database of its own"),
    (("--recipients", "0"), "--recipients is from 1"),
    (("--stop",), "--stop needs --data"),
    (("--data", "/etc"), "holds something else"),
])
def test_refusals(demo, options, want):
    assert want in demo(2, *options)


def test_a_demo_that_is_not_there_is_not_stopped(demo, tmp_path):
    assert "there is no demo" in demo(3, "--stop", "--data", tmp_path / "none")
