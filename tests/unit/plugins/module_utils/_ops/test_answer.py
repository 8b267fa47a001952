"""Exit codes of the command: systemd, cron and Ansible tell outcomes apart by them, so they are
fixed.
"""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.module_utils._ops import answer as _answer


def test_exit_codes_are_those_that_are_documented() -> None:
    assert _answer.DONE == 0
    assert _answer.FAILED == 1
    assert _answer.USAGE == 2
    assert _answer.REFUSED == 3


def test_answer_tells_a_person_and_a_program_the_same() -> None:
    answer = _answer.Answer(_answer.REFUSED, ["too full"], {"problems": ["too full"]})
    assert answer.lines == answer.result["problems"]
    assert answer.code == _answer.REFUSED


def test_outcome_of_a_check_is_nagios_exit_code() -> None:
    codes = {
        word: _answer.checked(word, [], {}).code
        for word in ("healthy", "degraded", "failed", "unknown")
    }
    assert codes == {"healthy": 0, "degraded": 1, "failed": 2, "unknown": 3}
    answer = _answer.checked("degraded", ["late"], {"checks": []})
    assert answer.result == {"outcome": "degraded", "checks": []}


def test_error_is_answered_with_its_own_words() -> None:
    answer = _answer.failure(_answer.USAGE, ValueError("one\ntwo"))
    assert (answer.code, answer.lines, answer.result["error"]) == (2, ["one two"], "one two")
    several = _answer.failure(_answer.USAGE, OperatorError("one", "two"))
    assert (several.lines, several.result["error"]) == (["one", "two"], "one\ntwo")
    full = OSError(28, "No space left on device", "/x")
    assert _answer.failure(_answer.FAILED, full).lines == ["/x: No space left on device"]
