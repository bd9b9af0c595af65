# SPDX-License-Identifier: MIT
"""The built `edm` program against one database and one data directory."""

import json
import os
import subprocess


class Result:
    """What one run of the program gave."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self):
        return json.loads(self.out)


class Program:
    """edm(...) runs a verb and must succeed; fails(code, ...) must end with that exit code."""

    def __init__(self, build, data, url=None):
        self.path = build / "bin/edm"
        self.data = data
        self.url = url

    def run(self, *args, stdin="", **env):
        where = ["--data", str(self.data)] + (["--database", self.url] if self.url else [])
        process = subprocess.run(
            [self.path, *map(str, args), *where],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "EDM_ACTOR": "tester", "LANG": "C.UTF-8", "LC_ALL": "", **env},
        )
        return Result(process)

    def __call__(self, *args, **kwargs):
        result = self.run(*args, **kwargs)
        assert result.code == 0, result.err
        return result

    def fails(self, code, *args, **kwargs):
        """The error sentence."""
        result = self.run(*args, **kwargs)
        assert result.code == code, (result.code, result.out, result.err)
        assert result.err.startswith("edm: "), result.err
        return result.err
