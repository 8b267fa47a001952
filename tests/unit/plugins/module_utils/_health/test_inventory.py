"""Models side by side: each thing that does not fit is told once, with its place, and nothing is
told where all fits.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._health import inventory as _inventory
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    inventory_config as _inventory_config,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    inventory_hosts as _inventory_hosts,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.inventory import Place, Sources
from ansible_collections.llmops.litellm.plugins.module_utils._health.inventory_hosts import Server

CONFIG = """\
model_list:  # two ways of writing
  - model_name: chat
    litellm_params: {model: openai/qwen, api_base: "http://host.docker.internal:8081/v1", api_key: sk-hunter2}
  - litellm_params: &embed
      model: openai/minilm
      api_base: os.environ/EMBED
    model_info: {mode: embedding}
    model_name: "embed"
router_settings:
  fallbacks: [{chat: [embed]}]
  model_group_alias: {best: {model: chat, hidden: true}}
"""  # noqa: E501
ENVIRONMENT = {"EMBED": "http://host.docker.internal:8082/v1"}
COMPOSE = Place(True, ["host.docker.internal"], [4000])


def rows(
    *names: str,
    stored: bool = False,
    base: str = "http://host.docker.internal:8081/v1",
    mode: str = "chat",
    model: str = "openai/qwen",
) -> list[Any]:
    return _inventory.entries(
        [
            {
                "model_name": name,
                "litellm_params": {"model": model, "api_base": base},
                "model_info": {"db_model": stored, "mode": mode},
            }
            for name in names
        ]
    )


EMBED = rows("embed", base=ENVIRONMENT["EMBED"], mode="embedding", model="openai/minilm")
SERVERS = {
    "http://host.docker.internal:8081": Server(True, ["qwen"]),
    "http://host.docker.internal:8082": Server(True, ["minilm"]),
}


def judge(
    config: str = CONFIG,
    proxy: Any = None,
    listed: Any = None,
    servers: Any = None,
    place: Place = COMPOSE,
    router: Any = ([], []),
    problems: Any = (),
) -> dict[str, Any]:
    told = _inventory_config.read(config, ENVIRONMENT)
    known = [*rows("chat"), *EMBED] if proxy is None else proxy
    return _inventory.compare(
        Sources(
            told,
            known,
            sorted({entry.name for entry in known}) if listed is None else listed,
            router,
            SERVERS if servers is None else servers,
            problems,
        ),
        place,
    )


def kinds(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["what"], finding["name"]) for finding in told["findings"]]


def test_nothing_is_told_where_all_fits() -> None:
    told = judge()
    assert (told["outcome"], told["findings"]) == ("healthy", [])
    assert [
        (row["name"], row["config"], row["database"], row["listed"]) for row in told["rows"]
    ] == [("chat", 1, 0, True), ("embed", 1, 0, True)]
    assert told["rows"][0]["addresses"] == ["http://host.docker.internal:8081/v1 (answers)"]
    assert _inventory.screen(told)[-1] == "2 models, everything fits"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"proxy": EMBED}, [("missing", "chat"), ("fallback", "chat")][:1]),
        ({"listed": ["embed"]}, [("missing", "chat")]),
        ({"proxy": [*rows("chat", "ghost"), *EMBED]}, [("orphaned", "ghost")]),
        ({"listed": ["chat", "embed", "ghost"]}, [("orphaned", "ghost")]),
        ({"listed": ["chat", "embed", "best"]}, []),
        ({"proxy": [*rows("chat"), *EMBED, *rows("chat", stored=True)]}, [("duplicate", "chat")]),
        (
            {"proxy": [*rows("chat"), *EMBED, *rows("stored", "stored", stored=True)]},
            [("duplicate", "stored")],
        ),
        (
            {
                "proxy": [
                    *rows("chat"),
                    *EMBED,
                    *rows("s", stored=True),
                    *rows(
                        "s", stored=True, mode="rerank", model="x/minilm", base=ENVIRONMENT["EMBED"]
                    ),
                ]
            },
            [("duplicate", "s")],
        ),
        ({"config": CONFIG.replace("[embed]", "[nobody]")}, [("fallback", "nobody")]),
        (
            {"config": CONFIG.replace("{chat: [embed]}", "{nobody: [chat]}")},
            [("fallback", "nobody")],
        ),
        (
            {"config": CONFIG + "litellm_settings: {default_fallbacks: [nobody]}\n"},
            [("fallback", "nobody")],
        ),
        (
            {"config": CONFIG.replace("model: chat, hidden", "model: nowhere, hidden")},
            [("alias", "best")],
        ),
        ({"router": ([], [_inventory_config.Alias("db", "nowhere")])}, [("alias", "db")]),
        (
            {"router": ([_inventory_config.Fallback("fallbacks", "chat", "lost")], [])},
            [("fallback", "lost")],
        ),
        (
            {"config": CONFIG.replace("host.docker.internal:8081", "127.0.0.1:8081")},
            [("loopback", "chat")],
        ),
        (
            {
                "proxy": [
                    *rows("chat"),
                    *EMBED,
                    *rows("s", stored=True, base="http://localhost:8081"),
                ]
            },
            [("loopback", "s")],
        ),
        ({"config": CONFIG.replace("host.docker.internal:8081", "127.0.0.1:4000")}, []),
        (
            {
                "servers": {
                    **SERVERS,
                    "http://host.docker.internal:8081": Server(
                        False, None, "ConnectionRefusedError"
                    ),
                }
            },
            [("unreachable", "chat")],
        ),
        ({"servers": {**SERVERS, "http://host.docker.internal:8081": Server(True, None)}}, []),
        (
            {"servers": {**SERVERS, "http://host.docker.internal:8081": Server(True, ["other"])}},
            [("unlisted", "chat")],
        ),
        (
            {
                "servers": {
                    **SERVERS,
                    "http://host.docker.internal:8081": Server(True, ["qwen", "spare"]),
                }
            },
            [("orphaned", "spare")],
        ),
    ],
)
def test_each_thing_that_does_not_fit(change: Any, found: Any) -> None:
    told = judge(**change)
    assert kinds(told) == found
    assert told["outcome"] == (
        "degraded" if any(finding["problem"] for finding in told["findings"]) else "healthy"
    )
    assert "hunter2" not in str(told)


def test_host_itself_reaches_its_loopback_address() -> None:
    assert (
        judge(
            CONFIG.replace("host.docker.internal", "127.0.0.1"),
            place=Place(False, [], [4000]),
            servers={},
        )["findings"]
        == []
    )


def test_alias_that_the_proxy_lists_as_a_model_is_none() -> None:
    told = judge(proxy=[*rows("chat", "best"), *EMBED])
    assert (
        told["findings"] == []
        and [row["name"] for row in told["rows"]] == ["chat", "embed"]
        and told["aliases"] == {"best": "chat"}
    )


def test_what_could_not_be_asked_is_no_finding_of_absence() -> None:
    told = _inventory.compare(
        Sources(
            None, None, None, ([], []), {}, [("proxy", "no answer"), ("configuration", "gone")]
        ),
        COMPOSE,
    )
    assert (told["outcome"], kinds(told)) == (
        "unknown",
        [("unknown", "proxy"), ("unknown", "configuration")],
    )
    told = _inventory.compare(
        Sources(_inventory_config.read(CONFIG), None, None, ([], []), {}, [("proxy", "no answer")]),
        COMPOSE,
    )
    assert kinds(told) == [("unknown", "proxy")]
    assert told["rows"][0]["database"] is None and told["rows"][0]["listed"] is None


def test_pattern_stands_for_what_matches_it() -> None:
    config = CONFIG.replace(
        "router", "  - {model_name: any/*, litellm_params: {model: openai/*}}\nrouter", 1
    )
    told = judge(
        proxy=[*rows("chat", "any/*"), *EMBED], config=config, listed=["chat", "embed", "any/one"]
    )
    assert [item for item in kinds(told) if item[0] != "unlisted"] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model_name",
                    "litellm_params",
                    "model_info",
                    "api_base",
                    "model",
                    "mode",
                    "fallbacks",
                    "model_group_alias",
                    "default_fallbacks",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.text(alphabet="model_ist:-[]{}'\"&*# \nfalbcks,", max_size=60),
    st.lists(JSON, max_size=3),
    JSON,
    st.lists(st.text(max_size=4), max_size=3),
    JSON,
)
def test_no_input_breaks_it(
    text: str, told: Any, router: Any, listed: list[str], server: Any
) -> None:
    config = _inventory_config.read("model_list:\n- model_name: x\n" + text)
    found = _inventory.compare(
        Sources(
            config,
            _inventory.entries(told),
            listed,
            _inventory_config.of_router(router),
            {"http://127.0.0.1:1": _inventory_hosts.server(server)},
        ),
        COMPOSE,
    )
    assert found["outcome"] in ("healthy", "degraded")
    assert _inventory.screen(found) and _inventory.words(found) is not None


def test_included_files_are_read_as_litellm_merges_them() -> None:
    more = (
        "model_list:\n- {model_name: more, litellm_params: {model: openai/more, "
        "api_base: 'http://127.0.0.1:8083'}}\n"
        "router_settings:\n  model_group_alias: {better: nowhere}\nlitellm_settings: "
        "{default_fallbacks: [lost]}\n"
    )
    told = _inventory_config.read(
        CONFIG,
        ENVIRONMENT,
        [
            ("config.compose.1-more.yaml", more),
            ("config.compose.2-last.yaml", "litellm_settings: {}\n"),
        ],
    )
    assert [(entry.name, entry.line, entry.file) for entry in told.entries] == [
        ("chat", 2, ""),
        ("embed", 4, ""),
        ("more", 2, "config.compose.1-more.yaml"),
    ]
    # sections are replaced as a whole, by the last file that has them
    assert (told.fallbacks, told.aliases) == (
        [],
        [_inventory_config.Alias("better", "nowhere", 4, "config.compose.1-more.yaml")],
    )
    found = _inventory.compare(Sources(told, None, None, ([], []), {}), COMPOSE)["findings"]
    assert [finding["words"] for finding in found] == [
        "alias better (config.compose.1-more.yaml line 4) stands for nowhere, which is no model",
        (
            "more (config, config.compose.1-more.yaml line 2) is asked at "
            "http://127.0.0.1:8083, which is the container itself"
        ),
    ]


def test_names_of_any_kind_forge_no_line() -> None:
    told = judge(listed=["ghost"])
    honest = len(_inventory.screen({**told, "aliases": {"x": "y"}}))
    told["rows"][0]["name"] = told["findings"][0]["words"] = support.HOSTILE
    told["aliases"] = {support.HOSTILE: support.HOSTILE}
    support.assert_on_lines(_inventory.screen(told), honest)
