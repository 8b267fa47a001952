"""Env files and what their three readers make of them, measured on Docker Compose 2.26.1, systemd
257 and bash 5.2.

The unit tests hold our parsers to this table; the scenario preflight holds the table, and random
files, to the real programs.
"""

from __future__ import annotations

import random
from typing import NamedTuple, Optional

Variables = Optional[dict[str, str]]
REFUSED: Variables = None


class Case(NamedTuple):
    """A file and the variables that each reader gets from it, ``REFUSED`` where it refuses the
    file. For ``shell`` that
    includes everything that would do more than assign, which bash itself would not refuse."""

    id: str
    text: bytes
    compose: Variables
    systemd: Variables
    shell: Variables


def _case(
    name: str, text: str | bytes, compose: Variables, systemd: Variables, shell: Variables
) -> Case:
    return Case(name, text.encode() if isinstance(text, str) else text, compose, systemd, shell)


def _alike(name: str, text: str, value: str) -> Case:
    """A case with the variable A, which is alike in all three dialects."""
    return _case(name, text, {"A": value}, {"A": value}, {"A": value})


CASES = [
    _alike("plain", "A=x\n", "x"),
    _alike("no newline at the end", "A=x", "x"),
    _alike("empty value", "A=\n", ""),
    _alike("duplicates, the last wins", "A=1\nA=2\n", "2"),
    _alike("empty lines and comments", "\n# c\n\n   # c\nA=x\n\n", "x"),
    _alike("comment that ends in a backslash", "# c\\\nA=x\n", "x"),
    _alike("trailing blanks", "A=abc \t \n", "abc"),
    _alike("hash within a word", "A=a#b\n", "a#b"),
    _alike("equals sign in the value", "A=a=b==\n", "a=b=="),
    _alike("single quotes", "A='a b # \" \\n $x `y`'\n", 'a b # " \\n $x `y`'),
    _alike("double quotes with escapes", 'A="a \\" \\\\ \\$x # b"\n', 'a " \\ $x # b'),
    _alike("single quote in double quotes", 'A="it\'s"\n', "it's"),
    _alike("several lines in single quotes", "A='1\n2\n'\n", "1\n2\n"),
    _alike("several lines in double quotes", 'A="1\n2"\n', "1\n2"),
    _alike("carriage return in quotes", "A='a\r\nb'\n", "a\r\nb"),
    _alike("empty quotes", "A=''\n", ""),
    _alike("other letters", "A=é日本\n", "é日本"),
    _case("export", "export A=x\nB=y\n", {"A": "x", "B": "y"}, {"B": "y"}, {"A": "x", "B": "y"}),
    _case("export with a tab", "export\tA=x\n", {"A": "x"}, {}, {"A": "x"}),
    _case("export of two", "export A=x B=y\n", {"A": "x B=y"}, {}, {"A": "x", "B": "y"}),
    _case("export without a value", "export A\n", {}, {}, {}),
    _case(
        "name that begins with export",
        "exportA=x\n",
        {"exportA": "x"},
        {"exportA": "x"},
        {"exportA": "x"},
    ),
    _case("blanks round the equals sign", "A = x\n", {"A": "x"}, {"A": "x"}, REFUSED),
    _case("blank before the equals sign", "A =x\n", {"A": "x"}, {"A": "x"}, REFUSED),
    _case("indented", "  A=x\n", {"A": "x"}, {"A": "x"}, {"A": "x"}),
    _case("blanks in the value", "A=a b c\n", {"A": "a b c"}, {"A": "a b c"}, REFUSED),
    _case("blank and hash", "A=abc #d\n", {"A": "abc"}, {"A": "abc #d"}, {"A": "abc"}),
    _case("tab and hash", "A=abc\t#d\n", {"A": "abc\t#d"}, {"A": "abc\t#d"}, {"A": "abc"}),
    _case("hash after the equals sign", "A= #abc\n", {"A": "#abc"}, {"A": "#abc"}, {"A": ""}),
    _case("comment behind quotes", 'A="abc" # c\n', {"A": "abc"}, {"A": "abc# c"}, {"A": "abc"}),
    _case("semicolon comment", ";A=x\nB=y\n", REFUSED, {"B": "y"}, REFUSED),
    _case("escaped quote in single quotes", "A='a\\'b'\n", {"A": "a'b"}, {"A": "a\\b'"}, REFUSED),
    _case(
        "newline escape in double quotes",
        'A="a\\nb"\n',
        {"A": "a\nb"},
        {"A": "a\\nb"},
        {"A": "a\\nb"},
    ),
    _case(
        "letter escapes",
        'A="\\t\\a\\x\\c"\n',
        {"A": "\t\a\\x\\c"},
        {"A": "\\t\\a\\x\\c"},
        {"A": "\\t\\a\\x\\c"},
    ),
    _case(
        "octal escapes",
        'A="\\0101\\01\\0777\\0"\n',
        {"A": "A\\1\\777\\"},
        {"A": "\\0101\\01\\0777\\0"},
        {"A": "\\0101\\01\\0777\\0"},
    ),
    _case("octal escape above ASCII", 'A="\\0351"\n', {"A": "é"}, {"A": "\\0351"}, {"A": "\\0351"}),
    _case("escaped backticks", 'A="\\`x\\`"\n', {"A": "\\`x\\`"}, {"A": "`x`"}, {"A": "`x`"}),
    _case("backslash outside quotes", "A=a\\b\n", {"A": "a\\b"}, {"A": "ab"}, {"A": "ab"}),
    _case(
        "two backslashes outside quotes",
        "A=a\\\\b\n",
        {"A": "a\\\\b"},
        {"A": "a\\b"},
        {"A": "a\\b"},
    ),
    _case("backslash and blank at the end", "A=a\\ \n", {"A": "a\\"}, {"A": "a "}, {"A": "a "}),
    _case(
        "line that ends in a backslash",
        "A=abc\\\nB=1\n",
        {"A": "abc\\", "B": "1"},
        {"A": "abcB=1"},
        {"A": "abcB=1"},
    ),
    _case(
        "backslash at the end of the file", "A=abc\\", {"A": "abc\\"}, {"A": "abc"}, {"A": "abc\\"}
    ),
    _case(
        "backslash before a line end in double quotes",
        'A="1\\\n2"\n',
        {"A": "1\\\n2"},
        {"A": "12"},
        {"A": "12"},
    ),
    _case("dollar and an unset name", "A=pa$word\n", {"A": "pa"}, {"A": "pa$word"}, REFUSED),
    _case("two dollars", "A=a$$b\n", {"A": "a$b"}, {"A": "a$$b"}, REFUSED),
    _case(
        "variable of the file",
        "X=1\nA=a${X}$X\n",
        {"X": "1", "A": "a11"},
        {"X": "1", "A": "a${X}$X"},
        {"X": "1", "A": "a11"},
    ),
    _case("default", "A=a${X:-d}\n", {"A": "ad"}, {"A": "a${X:-d}"}, REFUSED),
    _case(
        "default for empty",
        "X=\nA=${X:-d}${X-e}\n",
        {"X": "", "A": "d"},
        {"X": "", "A": "${X:-d}${X-e}"},
        REFUSED,
    ),
    _case(
        "default in a default",
        "A=${X:-${Y:-d}e}f\n",
        {"A": "def"},
        {"A": "${X:-${Y:-d}e}f"},
        REFUSED,
    ),
    _case(
        "default with braces",
        'A=${X:-{"a":1}}\n',
        {"A": '{"a":1}'},
        {"A": '${X:-{"a":1}}'},
        REFUSED,
    ),
    _case(
        "alternative",
        "X=1\nA=${X:+d}${Y:+e}\n",
        {"X": "1", "A": "d"},
        {"X": "1", "A": "${X:+d}${Y:+e}"},
        REFUSED,
    ),
    _case(
        "required and there",
        "X=1\nA=${X:?m}\n",
        {"X": "1", "A": "1"},
        {"X": "1", "A": "${X:?m}"},
        REFUSED,
    ),
    _case("required and missing", "A=${X:?m}\n", REFUSED, {"A": "${X:?m}"}, REFUSED),
    _case("brace that is not closed", "A=a${b\n", REFUSED, {"A": "a${b"}, REFUSED),
    _case("dollar and a digit", "A=a$1\n", {"A": "a$1"}, {"A": "a$1"}, REFUSED),
    _case("lone dollar", "A=a$\n", {"A": "a$"}, {"A": "a$"}, {"A": "a$"}),
    _case("command", "A=$(id)\n", {"A": "$(id)"}, {"A": "$(id)"}, REFUSED),
    _case("backticks", "A=`id`\n", {"A": "`id`"}, {"A": "`id`"}, REFUSED),
    _case(
        "escaped dollar outside quotes",
        "A=pa\\$word\n",
        {"A": "pa\\"},
        {"A": "pa$word"},
        {"A": "pa$word"},
    ),
    _case("double quotes within", 'A=a"b"c\n', {"A": 'a"b"c'}, {"A": 'a"b"c'}, {"A": "abc"}),
    _case("single quotes within", "A=a'b'c\n", {"A": "a'b'c"}, {"A": "a'b'c"}, {"A": "abc"}),
    _case("quotes of both kinds in a row", "A=\"a\"'b'\n", REFUSED, {"A": "ab"}, {"A": "ab"}),
    _case("letter behind quotes", 'A="a"b\n', {"A": "a"}, {"A": "ab"}, {"A": "ab"}),
    _case(
        "backslash before the closing single quote",
        "A='abc\\'\n",
        REFUSED,
        {"A": "abc\\"},
        {"A": "abc\\"},
    ),
    _case("quote that is never closed", "A='x\nB=1\n", REFUSED, {"A": "x\nB=1\n"}, REFUSED),
    _case("double quote that is never closed", 'A="x\nB=1\n', REFUSED, {"A": "x\nB=1\n"}, REFUSED),
    _case(
        "CRLF",
        "A=x\r\nB='y'\r\n",
        {"A": "x", "B": "y"},
        {"A": "x", "B": "y"},
        {"A": "x\r", "B": "y\r"},
    ),
    _case(
        "carriage return within a line",
        "A=x\rB=y\n",
        {"A": "x\rB=y"},
        {"A": "x", "B": "y"},
        {"A": "x\rB=y"},
    ),
    _case("byte order mark", "\ufeffA=x\nB=y\n", {"A": "x", "B": "y"}, {"B": "y"}, REFUSED),
    _case("not UTF-8", b"A=a\xffb\n", {"A": "a\ufffdb"}, REFUSED, {"A": "a\udcffb"}),
    _case("not UTF-8 in a comment", b"# \xe9\nA=x\n", {"A": "x"}, {"A": "x"}, {"A": "x"}),
    _case("colon", "A: x\n", {"A": "x"}, {}, REFUSED),
    _case("dash in a name", "MY-A=x\nB=y\n", {"MY-A": "x", "B": "y"}, {"B": "y"}, REFUSED),
    _case("dot in a name", "MY.A=x\nB=y\n", {"MY.A": "x", "B": "y"}, {"B": "y"}, REFUSED),
    _case(
        "name that begins with a digit", "1A=x\nB=y\n", {"1A": "x", "B": "y"}, {"B": "y"}, REFUSED
    ),
    _case(
        "letter outside ASCII in a name", "é=x\nB=y\n", {"é": "x", "B": "y"}, {"B": "y"}, REFUSED
    ),
    _case("sign in a name", "A@=x\nB=y\n", REFUSED, {"B": "y"}, REFUSED),
    _case("bare name", "A\nB=y\n", {"B": "y"}, {"B": "y"}, REFUSED),
    _case("bare name at the end of the file", "B=y\nA", {"B": "y", "": "A"}, {"B": "y"}, REFUSED),
    _case("equals sign first", "=x\nB=y\n", {"": "x", "B": "y"}, {"B": "y"}, REFUSED),
    _case("blank in a name", "A B=x\n", REFUSED, {}, REFUSED),
    _case(
        "no-break space at the end", "A=x\u00a0\n", {"A": "x"}, {"A": "x\u00a0"}, {"A": "x\u00a0"}
    ),
    _case("ampersand", "A=x&y=2\n", {"A": "x&y=2"}, {"A": "x&y=2"}, REFUSED),
    _case("pipe", "A=x|y\n", {"A": "x|y"}, {"A": "x|y"}, REFUSED),
    _case("semicolon", "A=x;B=y\n", {"A": "x;B=y"}, {"A": "x;B=y"}, {"A": "x", "B": "y"}),
    _case(
        "URL",
        "A=http://h/p?a=1&b=2\n",
        {"A": "http://h/p?a=1&b=2"},
        {"A": "http://h/p?a=1&b=2"},
        REFUSED,
    ),
    _case("tilde", "A=~/x\n", {"A": "~/x"}, {"A": "~/x"}, REFUSED),
    _case("parentheses", "A=(a b)\n", {"A": "(a b)"}, {"A": "(a b)"}, REFUSED),
    _case("append", "A=x\nA+=y\n", REFUSED, {"A": "x"}, REFUSED),
    _case(
        "variable that a shell keeps",
        "UID=5\nB=y\n",
        {"UID": "5", "B": "y"},
        {"UID": "5", "B": "y"},
        REFUSED,
    ),
    _case("command after an assignment", "A=x id\n", {"A": "x id"}, {"A": "x id"}, REFUSED),
    _case("line in a shell's language", "set -a\nA=x\n", REFUSED, {"A": "x"}, REFUSED),
]

# Characters that some reader treats in its own way, and a few that none does.
NASTY = [
    "\n",
    "\r",
    "\t",
    " ",
    "$",
    '"',
    "'",
    "\\",
    "`",
    "#",
    ";",
    "&",
    "|",
    "(",
    ")",
    "{",
    "}",
    "~",
    "a",
    "B",
    "0",
    "=",
    ":",
    "%",
    "!",
    "*",
    "?",
    "<",
    ">",
    "[",
    "]",
    "^",
    "é",
    "日",
    "😀",
    "\u00a0",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\x01",
    "\x0b",
    "\x0c",
    "\x1b",
    "\x7f",
    "${A}",
    "$(id)",
    "\\n",
]
PIECES = [
    "A=",
    "B=",
    "export C=",
    "D: ",
    "A='",
    'B="',
    "'\n",
    '"\n',
    "\n",
    "\n",
    "\n",
    "\r\n",
    "=",
    " = ",
    " ",
    "\t",
    "#",
    " #",
    ";",
    "'",
    '"',
    "\\",
    "\\\\",
    "\\n",
    '\\"',
    "\\'",
    "\\$",
    "\\`",
    "\\\n",
    "\\0101",
    "\\0777",
    "$",
    "$$",
    "$A",
    "${A}",
    "${A:-x}",
    "${Z-${B}}",
    "${A:+y}",
    '${Z:-{"a":1}}',
    "${Z:?m}",
    "${",
    "}",
    "`",
    "a",
    "b c",
    "xyz",
    "é",
    "\u00a0",
    "\u2003",
    "\x0b",
    "MY-A",
    "M.X",
    "1D",
    "[",
]


def nasty_values(seed: int, count: int) -> dict[str, str]:
    """Random values, by name, that the encoder has to get through every reader."""
    pick = random.Random(seed)
    return {
        "V%d" % number: "".join(pick.choice(NASTY) for _number in range(pick.randint(0, 12)))
        for number in range(count)
    }


def random_files(seed: int, count: int) -> list[bytes]:
    """Random env files, most of them with something that a reader accepts."""
    pick = random.Random(seed)
    files = []
    for _number in range(count):
        text = pick.choice(["", "A=q\n", "X=1\nA=2\n"]) + pick.choice(
            ["A=", "B=", "export C=", 'A="', "A='", "D: ", ""]
        )
        text += "".join(pick.choice(PIECES) for _number in range(pick.randint(1, 10)))
        files.append((text + pick.choice(["", "\n", '"\n', "'\n"])).encode())
    return files
