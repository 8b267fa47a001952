"""The refusals: each check once with nothing wrong and once with each fault; messages name what,
why and the remedy, and no secret.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.images import Image
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    requirements as _requirements,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.requirements import (
    Port,
)

GIB = 1 << 30
STRONG = "sk-4f9c0b7ad2e15386"
ENGINE = {
    "client": True,
    "server": "26.1.5+dfsg1",
    "error": "",
    "compose": "2.26.1-4",
    "compose_v1": "",
}


def image(**others: Any) -> Image:
    """An image with which nothing is wrong."""
    return Image("redis:8", False, ("linux/amd64",), {}, {}, 0, "")._replace(**others)


CHECKS: list[tuple[str, Any, list[str]]] = [
    (
        "keys: strong",
        lambda: _requirements.check_keys(
            {"LITELLM_MASTER_KEY": STRONG, "LITELLM_SALT_KEY": STRONG[::-1]}, [], []
        ),
        [],
    ),
    (
        "keys: none",
        lambda: _requirements.check_keys({}, [], []),
        ["LITELLM_MASTER_KEY: the running proxy has none, so it is open to everybody"],
    ),
    ("keys: in config.yaml", lambda: _requirements.check_keys({}, ["LITELLM_MASTER_KEY"], []), []),
    (
        "keys: empty",
        lambda: _requirements.check_keys({"LITELLM_MASTER_KEY": ""}, [], []),
        ["LITELLM_MASTER_KEY: the value that the running proxy has is empty"],
    ),
    (
        "keys: weak salt key",
        lambda: _requirements.check_keys(
            {"LITELLM_MASTER_KEY": STRONG, "LITELLM_SALT_KEY": "salt"}, [], []
        ),
        [
            "LITELLM_SALT_KEY: the value that the running proxy has has 4 characters",
            "preflight_accept_weak: [LITELLM_SALT_KEY]",
        ],
    ),
    (
        "keys: weak master key, which encrypts what is stored",
        lambda: _requirements.check_keys({"LITELLM_MASTER_KEY": "sk-1234"}, [], []),
        [
            "-> name the key that it has now as LITELLM_SALT_KEY first",
            "general_settings.master_key",
        ],
    ),
    (
        "keys: weak master key beside a salt key",
        lambda: _requirements.check_keys(
            {"LITELLM_MASTER_KEY": "sk-1234", "LITELLM_SALT_KEY": STRONG}, [], []
        ),
        ["-> set a strong one (openssl rand -hex 24) where the legacy proxy has it"],
    ),
    (
        "keys: weak and accepted",
        lambda: _requirements.check_keys(
            {"LITELLM_MASTER_KEY": STRONG, "LITELLM_SALT_KEY": "salt"}, [], ["LITELLM_SALT_KEY"]
        ),
        [],
    ),
    (
        "overrides: strong, and no secret",
        lambda: _requirements.check_overrides({"UI_PASSWORD": STRONG, "LITELLM_LOG": "INFO"}),
        [],
    ),
    (
        "overrides: weak",
        lambda: _requirements.check_overrides({"POSTGRES_PASSWORD": "change" + "me"}),
        ["env_file_overrides.POSTGRES_PASSWORD: the value given is a placeholder"],
    ),
    ("hold: none", lambda: _requirements.check_hold(0), []),
    ("hold: as long as can be", lambda: _requirements.check_hold(600), []),
    (
        "hold: longer",
        lambda: _requirements.check_hold(601),
        ["litellm_max_hold: 601 is no time from 0 to 600 seconds", "or 0 to have them refused"],
    ),
    (
        "hold: less than none",
        lambda: _requirements.check_hold(-1),
        ["litellm_max_hold: -1 is no time from 0 to 600 seconds"],
    ),
    ("downtime: no limit", lambda: _requirements.check_downtime(0), []),
    (
        "downtime: less than none",
        lambda: _requirements.check_downtime(-30),
        ["litellm_max_downtime: -30 is less than no time", "or 0 for no limit"],
    ),
    ("salt: proved", lambda: _requirements.check_salt(True, 3), []),
    ("salt: nothing stored", lambda: _requirements.check_salt(None, 0), []),
    (
        "salt: wrong",
        lambda: _requirements.check_salt(False, 3),
        [
            (
                "LITELLM_SALT_KEY: the key that the proxy runs with cannot decrypt the "
                "credentials of the 3 model(s)"
            )
        ],
    ),
    (
        "ports: free",
        lambda: _requirements.check_ports([Port("proxy", 4000, "litellm.service", "", False)]),
        [],
    ),
    (
        "ports: ours",
        lambda: _requirements.check_ports(
            [Port("proxy", 4000, "litellm.service", "litellm (process 7)", True)]
        ),
        [],
    ),
    (
        "ports: a stranger's",
        lambda: _requirements.check_ports(
            [Port("redis", 6379, "the legacy redis-server", "nginx (process 7)", False)]
        ),
        ["port 6379 (redis): is held by nginx (process 7), not by the legacy redis-server"],
    ),
    (
        "stage port: fine",
        lambda: _requirements.check_chosen({"litellm_stage_port": 14000}, [4000]),
        [],
    ),
    (
        "pooler port: that of the rehearsal",
        lambda: _requirements.check_chosen(
            {"litellm_stage_port": 16432, "litellm_pooler_port": 16432}, [4000]
        ),
        ["litellm_pooler_port: 16432 is that of litellm_stage_port"],
    ),
    (
        "stage port: none",
        lambda: _requirements.check_chosen({"litellm_stage_port": 99999}, [4000]),
        ["litellm_stage_port: 99999 is not a port"],
    ),
    (
        "stage port: served",
        lambda: _requirements.check_chosen({"litellm_stage_port": 4000}, [4000]),
        ["litellm_stage_port: 4000 is a port of the deployment itself"],
    ),
    ("engine: fine", lambda: _docker.check_engine(ENGINE), []),
    (
        "engine: no client",
        lambda: _docker.check_engine({**ENGINE, "client": False}),
        ["Docker: no docker command on this host"],
    ),
    (
        "engine: does not answer",
        lambda: _docker.check_engine({**ENGINE, "server": "", "error": "refused"}),
        ["the engine does not answer (refused)"],
    ),
    (
        "engine: old",
        lambda: _docker.check_engine({**ENGINE, "server": "19.03.5"}),
        ["Docker: engine 19.03.5 is too old -> at least 20.10 is needed"],
    ),
    (
        "compose: only v1",
        lambda: _docker.check_engine({**ENGINE, "compose": "", "compose_v1": "1.29.2"}),
        ["only Compose v1 (1.29.2) is installed"],
    ),
    (
        "compose: none",
        lambda: _docker.check_engine({**ENGINE, "compose": ""}),
        ["`docker compose` is missing"],
    ),
    (
        "compose: old",
        lambda: _docker.check_engine({**ENGINE, "compose": "v2.20.3"}),
        ["version v2.20.3 is too old -> at least 2.24.4 is needed"],
    ),
    (
        "image: fine",
        lambda: _requirements.check_image("litellm_images.redis", image(), "linux/amd64"),
        [],
    ),
    (
        "image: missing",
        lambda: _requirements.check_image(
            "litellm_images.redis", image(error="the engine can't get it (x)"), "linux/amd64"
        ),
        ["litellm_images.redis: image redis:8: the engine can't get it (x) -> `docker pull redis"],
    ),
    (
        "image: an id that is not here",
        lambda: _requirements.check_image(
            "litellm_images.redis",
            image(reference="sha256:" + "a" * 64, error="is not on this host"),
            "linux/amd64",
        ),
        ["is not on this host -> bring it with `docker load`, or give a name that can be pulled"],
    ),
    (
        "image: nobody tells its platforms",
        lambda: _requirements.check_image(
            "litellm_images.redis", image(platforms=()), "linux/amd64"
        ),
        [],
    ),
    (
        "image: elsewhere",
        lambda: _requirements.check_image("litellm_images.redis", image(), "linux/arm64"),
        ["is for linux/amd64; this host is linux/arm64"],
    ),
    ("release: the same", lambda: _requirements.check_release("v", "1.102.4", "1.102.4"), []),
    ("release: not said", lambda: _requirements.check_release("v", None, "1.102.4"), []),
    (
        "release: another",
        lambda: _requirements.check_release("v", "1.103.0", "1.102.4"),
        ["the image holds LiteLLM 1.103.0, the legacy deployment runs 1.102.4"],
    ),
    (
        "release: bad",
        lambda: _requirements.check_release("v", "1.107.2", "1.107.2"),
        ["LiteLLM 1.107.2 is on the list of known-bad releases"],
    ),
    (
        "migrations: the same",
        lambda: _requirements.check_migrations("v", ["a", "b"], ["b", "a", "c"]),
        [],
    ),
    ("migrations: no ledger", lambda: _requirements.check_migrations("v", ["a"], None), []),
    (
        "migrations: behind",
        lambda: _requirements.check_migrations("v", ["a", "b", "c"], ["a"]),
        ["brings 2 schema migrations that the legacy database does not have (the first is b)"],
    ),
    ("traces: none", lambda: _requirements.check_traces("1.102.4", ["/v/sitecustomize.py"]), []),
    (
        "traces: some",
        lambda: _requirements.check_traces("1.102.4", ["/v/litellm_init.pth"]),
        ["/v/litellm_init.pth: is a trace of a malicious release"],
    ),
    (
        "traces: bad release",
        lambda: _requirements.check_traces("1.82.7", []),
        ["LiteLLM 1.82.7 was published with malware"],
    ),
    (
        "majors: newer",
        lambda: _requirements.check_majors(
            "v", "PostgreSQL", image(environment={"PG_MAJOR": "17"}), "PG_MAJOR", 15
        ),
        [],
    ),
    (
        "majors: older",
        lambda: _requirements.check_majors(
            "v", "PostgreSQL", image(environment={"PG_MAJOR": "13"}), "PG_MAJOR", 15
        ),
        ["is PostgreSQL 13, the native server is 15"],
    ),
    (
        "disk: enough on two",
        lambda: _requirements.check_disk(
            [("/a", 1, 3 * GIB, 4 * GIB), ("/b", 2, 3 * GIB, 4 * GIB)]
        ),
        [],
    ),
    (
        "disk: too little on one",
        lambda: _requirements.check_disk(
            [("/a", 1, 3 * GIB, 4 * GIB), ("/b", 1, 3 * GIB, 4 * GIB)]
        ),
        [
            (
                "disk space: /a and /b need 6.0 GiB together, 4.0 GiB are free -> free at "
                "least 2.0 GiB there"
            )
        ],
    ),
    (
        "names: ours",
        lambda: _requirements.check_names({"litellm_redis": True}, {"litellm-redis": True}),
        [],
    ),
    (
        "names: a stranger's volume",
        lambda: _requirements.check_names({"litellm_redis": False}, {}),
        ["volume litellm_redis: exists and was not made by this collection"],
    ),
    (
        "names: a stranger's container",
        lambda: _requirements.check_names({}, {"litellm-redis": False}),
        ["container litellm-redis: exists and was not made"],
    ),
    (
        "subnet: free",
        lambda: _requirements.check_subnet(
            "litellm_subnet", "172.30.40.0/24", [("172.17.0.0/16", "network bridge")]
        ),
        [],
    ),
    (
        "subnet: taken",
        lambda: _requirements.check_subnet(
            "litellm_subnet", "172.30.40.0/24", [("172.30.0.0/16", "network x")]
        ),
        ["172.30.40.0/24 overlaps with 172.30.0.0/16 (network x)"],
    ),
    (
        "subnet: host bits",
        lambda: _requirements.check_subnet("litellm_subnet", "172.30.40.1/24", []),
        ["litellm_subnet: 172.30.40.1/24"],
    ),
    (
        "subnet: public",
        lambda: _requirements.check_subnet("litellm_subnet", "8.8.8.0/24", []),
        ["is not a private IPv4 subnet"],
    ),
    (
        "subnet: loopback",
        lambda: _requirements.check_subnet("litellm_subnet", "127.30.40.0/24", []),
        ["is not a private IPv4 subnet"],
    ),
    (
        "subnet: link-local",
        lambda: _requirements.check_subnet("litellm_subnet", "169.254.40.0/24", []),
        ["is not a private IPv4 subnet"],
    ),
    (
        "subnet: small",
        lambda: _requirements.check_subnet("litellm_subnet", "172.30.40.0/29", []),
        ["at least 16 addresses"],
    ),
    (
        "subnet: nonsense",
        lambda: _requirements.check_subnet("litellm_subnet", "x", []),
        ["give a private IPv4 subnet"],
    ),
    ("warnings: none", lambda: _requirements.warn("1.102.4", [], []), []),
    (
        "warnings: old release",
        lambda: _requirements.warn("1.80.0", [], []),
        ["CVE-2026-42208", "does not write its last spend"],
    ),
    (
        "warnings: model server",
        lambda: _requirements.warn(None, ["127.0.0.1:8082"], []),
        ["model server 127.0.0.1:8082: does not answer now"],
    ),
]


@pytest.mark.parametrize(
    ("check", "wanted"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_check_says_what_is_wrong_and_only_that(check: Any, wanted: list[str]) -> None:
    found = check()
    text = "\n".join(str(item) for item in found)
    assert [part for part in wanted if part not in text] == []
    assert bool(found) == bool(wanted), text
    assert all(item.subject and item.problem and item.remedy for item in found)


FAULTS = re.compile(
    r"is empty|is publicly known \(from documentation\)|is a placeholder|"
    r"has \d+ characters; at least 16 are needed|has only \d different characters"
)
SECRETS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(sorted(_requirements.PUBLIC_KEYS)),
    st.text("ab", min_size=16, max_size=30),
    st.builds(
        "{}{}{}".format,
        st.text(max_size=9),
        st.sampled_from(["change" + "me", "your_", "xxxx"]),
        st.text(max_size=9),
    ),
)


def messages(secret: str) -> list[_problem.Problem]:
    """All that is said of a secret."""
    environment = {"LITELLM_MASTER_KEY": secret, "LITELLM_SALT_KEY": secret}
    return _requirements.check_keys(environment, [], []) + _requirements.check_overrides(
        {"UI_PASSWORD": secret}
    )


@given(SECRETS)
@example(" placeholder")
def test_messages_say_the_kind_of_fault_and_nothing_of_the_secret(secret: str) -> None:
    """Not "the secret is not in the text": a secret may be a word of the message."""
    fault = _requirements.weakness(secret)
    if fault is None:
        assert messages(secret) == []
        return
    assert FAULTS.fullmatch(fault)
    assert [item._replace(problem="") for item in messages(secret)] == [
        item._replace(problem="") for item in messages("salt")
    ]
    assert {item.problem for item in messages(secret)} == {
        "the value that the running proxy has " + fault,
        "the value given " + fault,
    }


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=24, max_size=40).filter(
        lambda text: len(set(text)) >= 8
    )
)
def test_random_keys_are_strong(core: str) -> None:
    if not _requirements.PLACEHOLDER.search(core):
        assert _requirements.weakness("sk-" + core) is None


@pytest.mark.parametrize(
    "text",
    [
        "sk-1234",
        "SK-1234",
        "change-me-please-now",
        "<your key here please>",
        "${MASTER_KEY}",
        "aaaaaaaaaaaaaaaaaaaa",
        "sk-short",
    ],
)
def test_known_placeholder_and_short_keys_are_weak(text: str) -> None:
    assert _requirements.weakness(text)
