# SPDX-License-Identifier: MIT
"""What every check shares: the files of the tree, and how a finding is told.

A check is a program `tests/lint/NAME [ROOT]`: it prints `file:line: message` for each finding and
exits with 1 if there was one. ROOT is the tree to look at (default: the one this file stands in).
"""
import os
import pathlib
import subprocess
import sys

SKIPPED = {".git", "build", "__pycache__", ".pytest_cache"}


class Tree:
    """The files below root that belong to the project, as sorted relative paths."""

    def __init__(self, root=None):
        self.root = pathlib.Path(root or pathlib.Path(__file__).resolve().parents[2])
        self.paths = sorted(path for path in self._listed() if (self.root / path).is_file())

    def _listed(self):
        command = ["git", "-C", self.root, "ls-files", "-z", "-co", "--exclude-standard"]
        if (self.root / ".git").exists():
            listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
            return [pathlib.PurePosixPath(path) for path in listed.split("\0") if path]
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in SKIPPED]
            relative = pathlib.Path(folder).relative_to(self.root)
            found += [pathlib.PurePosixPath(relative / name) for name in names]
        return found

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def c_files(self):
        return [path for path in self.paths if path.suffix in (".c", ".h")]

    def scripts(self, interpreter):
        """Files without a suffix whose first line names the interpreter."""
        return [path for path in self.paths if not path.suffix and
                self.text(path).split("\n", 1)[0].startswith("#!") and
                interpreter in self.text(path).split("\n", 1)[0]]

    def python_files(self):
        return sorted([path for path in self.paths if path.suffix == ".py"] +
                      self.scripts("python"))


def run(check):
    """The main of a check: check(tree) yields (path, line number, message)."""
    findings = sorted(set(check(Tree(*sys.argv[1:2]))), key=lambda f: (str(f[0]), f[1], f[2]))
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    sys.exit(1 if findings else 0)
