"""What others have chosen forges nothing where it is shown."""

from __future__ import annotations

import html.parser
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display

# What people would try, and any text, with more of what has a meaning somewhere.
NASTY = (
    "worker\x1b[2J\x1b[32m all is well",
    "gpt-4\n2. database: nothing stands against it",
    "gpt-4\r\n\u2028\u2029\x85\x0b\x0c3. x",
    "[click](http://evil.example)",
    "[click][1]\n\n[1]: http://evil.example",
    "http://evil.example and www.evil.example",
    "<img src=x onerror=alert(1)>",
    "a | b | c",
    "**bold** _also_ __so__ ~~gone~~ `code` $x$",
    "# heading",
    "1. first",
    "- [ ] done",
    "===",
    "***",
    "&lt;b&gt; &#60;",
    "a\u202egnp.exe\u2066x\u2069",
    "back\\slash\\",
    'say "so"\\',
    "\udcff\ud800\x00\x7f\x9b31m",
)
LETTERS = st.one_of(
    st.sampled_from("\\`*_[]()<>|#!~&$:;-+=.1 \n\r\t\x1b\u202eaZé"), st.characters()
)
FOREIGN = st.one_of(
    st.sampled_from(NASTY),
    st.lists(
        st.one_of(LETTERS, st.sampled_from([*NASTY, "](", "http://", "www.", "```", "    "])),
        max_size=12,
    ).map("".join),
)


def foreign(test: Callable[[str], None]) -> Callable[[], None]:
    """Runs a test with what people would try, and with any text."""
    for text in ("a\\\nb", *NASTY):
        test = example(text)(test)
    return given(FOREIGN)(test)


def controls(text: str) -> list[str]:
    """What of a text is no letter, mark, digit, sign or ordinary space."""
    return [each for each in text if unicodedata.category(each)[0] == "C" or each in "\u2028\u2029"]


@foreign
def test_text_is_one_line_without_controls(text: str) -> None:
    for medium in (_display.line, _display.plain, _display.markdown, _display.code):
        shown = medium(text)
        assert controls(shown) == []
        assert len(shown.splitlines()) <= 1
        shown.encode()
    assert "  " not in _display.plain(text)


@foreign
def test_what_is_shown_stays_as_it_is(text: str) -> None:
    for medium in (_display.line, _display.plain):
        assert medium(medium(text)) == medium(text)


@pytest.mark.parametrize(
    "text",
    ["LiteLLM 1.2 as litellm.service, port 4000", "Ünïcödé ✔ 模型", "/home/l@team/a_b-c.yaml"],
)
def test_honest_texts_are_not_changed(text: str) -> None:
    for medium in (_display.line, _display.plain, _display.markdown, _display.html, _display.label):
        assert medium(text) == text


def test_what_cannot_be_seen_is_spelled() -> None:
    assert _display.plain("a\x1b[31m\u202eb\udcff\x00\xad") == "a\\x1b[31m\\u202eb\\xff\\x00\\xad"
    assert _display.plain("  one\n\ttwo\u2028three\xa0 four ") == "one two three four"
    assert _display.line("  one  two\t\n") == "  one  two "
    assert _display.block("one\x1b\n two\r\n") == "one\\x1b\n two \n"
    assert _display.plain(None) == "None"


# the rules of the viewers that make most of a text: tables, strikes, and links of addresses
VIEWER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
BLOCKS = {"bullet_list", "list_item", "paragraph", "inline", "table", "thead", "tbody", "tr", "td"}
BLOCKS |= {"th", "heading"}


def tokens(text: str) -> list[Any]:
    """All that a viewer finds in a document, the parts of lines as well."""
    found = []
    for token in VIEWER.parse(text):
        found += [token, *(token.children or [])]
    return found


def kinds(found: list[Any]) -> list[str]:
    """What they are, without the two ends of each."""
    return [re.sub("_(open|close)$", "", token.type) for token in found]


@foreign
def test_markdown_of_a_text_is_that_text(text: str) -> None:
    shown, wanted = _display.markdown(text), _display.plain(text)
    assume(wanted)  # nothing makes no line
    document = "# x\n\n- %s\n- %s: (%s)\n\n| a | b |\n|---|---|\n| %s | %s |\n" % ((shown,) * 5)
    found = tokens(document)
    assert set(kinds(found)) <= BLOCKS | {"text", "text_special"}
    lines = ["".join(c.content for c in each.children) for each in found if each.type == "inline"]
    parts = ["x", wanted, "%s: (%s)" % (wanted, wanted), "a", "b", wanted, wanted]
    assert [line.strip() for line in lines] == [part.strip() for part in parts]


@foreign
def test_code_of_a_text_is_code_or_that_text(text: str) -> None:
    found = tokens("| a |\n|---|\n| %s |\n" % _display.code(text))
    assert set(kinds(found)) <= BLOCKS | {"text", "text_special", "code_inline"}
    last = next(each for each in reversed(found) if each.type == "inline")
    assert "".join(each.content for each in last.children).strip() == _display.plain(text)


@foreign
def test_addresses_are_no_links(text: str) -> None:
    """Viewers make links of bare addresses; none is left bare."""
    shown = _display.markdown(text)
    assert not re.search(r"(?i)\b(https?|ftp|mailto|xmpp):|\bwww\.", shown)


class Reader(html.parser.HTMLParser):
    """Reads a page: its tags, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@foreign
def test_html_of_a_text_is_that_text(text: str) -> None:
    reader = Reader()
    reader.feed('<p title="%s">%s</p>' % ((_display.html(text),) * 2))
    reader.close()
    assert reader.tags == [("p", [("title", _display.plain(text))])]
    assert reader.text == _display.plain(text)


@foreign
def test_label_ends_where_it_ends(text: str) -> None:
    line = 'm{check="%s"} 1' % _display.label(text)
    assert len(line.splitlines()) == 1
    found = re.fullmatch(r'm\{check="((?:[^"\\\n]|\\["\\n])*)"\} 1', line)
    assert found is not None
    assert re.sub(r"\\(.)", r"\1", found[1]) == _display.plain(text)


@given(st.recursive(FOREIGN | st.none() | st.integers(), st.lists))
def test_all_texts_within_something_are_shown(value: Any) -> None:
    text = json.dumps(_display.each({"a\n": value}), ensure_ascii=False)
    assert controls(text) == []
    assert "\\n" not in text.replace("\\\\", "")
    assert _display.each((1, None, True, 1.5)) == [1, None, True, 1.5]
