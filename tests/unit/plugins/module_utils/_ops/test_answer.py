"""Exit codes of the command: systemd, cron and Ansible tell outcomes apart by them, so they are fixed."""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._ops import answer as _answer


def test_exit_codes_are_those_that_are_documented() -> None:
    assert _answer.DONE == 0
    assert _answer.FAILED == 1
    assert _answer.USAGE == 2
    assert _answer.REFUSED == 3


def test_answer_tells_a_person_and_a_program_the_same() -> None:
    answer = _answer.Answer(_answer.REFUSED, ["too full"], {"problems": ["too full"]})
    assert answer.lines == answer.told["problems"]
    assert answer.code == _answer.REFUSED
