"""``?`` placeholders for systems that number theirs."""

from __future__ import annotations

import re
from typing import Final

_NUMBERED_TYPES: Final = frozenset({"postgresql", "redshift"})

# What may hold a question mark that is none of ours, longest form first.
_TOKENS: Final = re.compile(
    r"""
      [eE]'(?:[^'\\]|\\.|'')*'            # escape string
    | '(?:[^']|'')*'                      # string
    | "(?:[^"]|"")*"                      # quoted name
    | (?<![\w$])\$(?P<tag>[^\W\d]\w*|)\$.*?\$(?P=tag)\$   # dollar-quoted string
    | --[^\n]*                            # comment to the end of the line
    | /\*                                 # block comments nest; their end is found by hand
    | \w+                                 # word, so that an E before a quote is its own
    | \?\?                                # an operator's question mark, doubled
    | \?
    """,
    re.VERBOSE | re.DOTALL,
)


def number_placeholders(statement: str, type: str) -> str:
    """Return the statement with ``?`` as ``$1``, ``$2``, … where the type of system wants that.

    Question marks in strings, quoted names and comments stay; ``??`` gives the operator ``?``.

    Examples
    --------
    >>> number_placeholders("SELECT ?, '?' WHERE a ?? 'k' AND b = ?", "postgresql")
    "SELECT $1, '?' WHERE a ? 'k' AND b = $2"
    """
    if type not in _NUMBERED_TYPES or "?" not in statement:
        return statement
    parts: list[str] = []
    position = 0
    number = 0
    while found := _TOKENS.search(statement, position):
        parts.append(statement[position : found.start()])
        token, position = found.group(), found.end()
        if token == "?":
            number += 1
            token = f"${number}"
        elif token == "??":
            token = "?"
        elif token == "/*":
            position = _comment_end(statement, position)
            token = statement[found.start() : position]
        parts.append(token)
    parts.append(statement[position:])
    return "".join(parts)


def _comment_end(statement: str, position: int) -> int:
    depth = 1
    for mark in re.finditer(r"/\*|\*/", statement[position:]):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return position + mark.end()
    return len(statement)
