# SPDX-License-Identifier: MIT
"""Enough of C to find functions and measure them: tokens, functions, statements.

Comments, literals and preprocessor lines are dropped first, so macros are seen as they are used.
"""
import re

WORD = re.compile(r"[A-Za-z_]\w*\Z")
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|&&|\|\||->|\S")
BLANKED = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
LOOPS = {"for", "while"}
DECISIONS = {"if", "for", "while", "case", "&&", "||", "?"}


def _blank(match):
    """The same number of lines, and a literal stays a (dull) token."""
    text = match.group(0)
    kept = '""' if text[0] in "\"'" else " "
    return kept + "\n" * text.count("\n")


def without_comments(text):
    """The source with comments gone and literals emptied, line by line as before."""
    return BLANKED.sub(_blank, text)


def tokens(text):
    """(token, line) pairs of the code."""
    code = PREPROCESSOR.sub(lambda m: "\n" * m.group(0).count("\n"), without_comments(text))
    found, line, at = [], 1, 0
    for match in TOKEN.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        found.append((match.group(0), line))
    return found


def is_loop_macro(token):
    return token.endswith("_EACH")


def closing(toks, at):
    """Index of the bracket that closes the one at `at`."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    depth, opening, end = 0, toks[at][0], pairs[toks[at][0]]
    for i in range(at, len(toks)):
        depth += (toks[i][0] == opening) - (toks[i][0] == end)
        if depth == 0:
            return i
    return len(toks) - 1


class Function:
    """One function definition and its measures."""

    def __init__(self, name, parameters, body, first_line):
        self.name = name
        self.parameters = self._count(parameters)
        self.body = body  # tokens inside the braces, and the closing brace
        self.first_line = first_line
        self.lines = body[-1][1] - first_line + 1
        self.complexity = 1 + sum(token in DECISIONS or is_loop_macro(token) for token, _ in body)
        self.nesting = Statements(body).deepest

    @staticmethod
    def _count(parameters):
        names = [token for token, _ in parameters]
        if names in ([], ["void"]):
            return 0
        depth = commas = 0
        for token in names:
            depth += (token in "([") - (token in ")]")
            commas += token == "," and depth == 0
        return commas + 1


class Statements:
    """Walks statements to find how deep control structures are nested."""

    def __init__(self, toks):
        self.toks = toks
        self.at = 0
        self.deepest = 0
        while self.at < len(toks) - 1:
            self._statement(0)

    def _token(self):
        return self.toks[self.at][0] if self.at < len(self.toks) else ""

    def _enter(self, depth):
        self.deepest = max(self.deepest, depth)
        self._statement(depth)

    def _block(self, depth):
        end = closing(self.toks, self.at)
        self.at += 1
        while self.at < end:
            self._statement(depth)
        self.at = end + 1

    def _head(self):
        """Over a keyword and its parenthesis."""
        self.at += 1
        if self._token() == "(":
            self.at = closing(self.toks, self.at) + 1

    def _if(self, depth):
        self._head()
        self._enter(depth + 1)
        if self._token() == "else":
            self.at += 1
            if self._token() == "if":
                self._if(depth)
            else:
                self._enter(depth + 1)

    def _do(self, depth):
        self.at += 1
        self._enter(depth + 1)
        self._head()  # while (…)
        self.at += 1  # ;

    def _simple(self):
        """Over an expression or declaration, to its semicolon."""
        while self.at < len(self.toks) and self._token() not in (";", "}"):
            if self._token() in ("(", "{", "["):
                self.at = closing(self.toks, self.at)
            self.at += 1
        self.at += 1

    def _label(self):
        while self._token() not in (":", ""):
            self.at += 1
        self.at += 1

    def _statement(self, depth):
        token = self._token()
        if token == "{":
            self._block(depth)
        elif token == "if":
            self._if(depth)
        elif token == "do":
            self._do(depth)
        elif token in LOOPS or token == "switch" or is_loop_macro(token):
            self._head()
            self._enter(depth + 1)
        elif token in ("case", "default"):
            self._label()
        else:
            self._simple()


def functions(text):
    """All function definitions of a source, in order."""
    toks = tokens(text)
    found, at = [], 0
    while at < len(toks):
        if toks[at][0] != "{":
            at += 1
            continue
        end = closing(toks, at)
        head = _head_of(toks, at)
        if head is not None:
            name, opening = head
            found.append(Function(toks[name][0], toks[opening + 1:at - 1],
                                  toks[at + 1:end + 1], toks[name][1]))
        at = end + 1
    return found


def _head_of(toks, brace):
    """(index of the name, index of its parenthesis) if the brace opens a function."""
    if brace == 0 or toks[brace - 1][0] != ")":
        return None
    depth = 0
    for i in range(brace - 1, -1, -1):
        depth += (toks[i][0] == ")") - (toks[i][0] == "(")
        if depth == 0:
            return (i - 1, i) if i > 0 and WORD.match(toks[i - 1][0]) else None
    return None
