"""What the configuration says of models, whichever way it is written."""

from __future__ import annotations

from typing import Any

from ansible_collections.llmops.litellm.plugins.module_utils._health import inventory as _inventory
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    inventory_config as _inventory_config,
)

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


def test_configuration_is_read_whichever_way_it_is_written() -> None:
    told = _inventory_config.read(CONFIG, ENVIRONMENT)
    assert [
        (entry.name, entry.model, entry.address, entry.mode, entry.line) for entry in told.entries
    ] == [
        ("chat", "openai/qwen", "http://host.docker.internal:8081/v1", "", 2),
        ("embed", "openai/minilm", "http://host.docker.internal:8082/v1", "embedding", 4),
    ]
    assert told.fallbacks == [_inventory_config.Fallback("fallbacks", "chat", "embed", 10)]
    assert told.aliases == [_inventory_config.Alias("best", "chat", 11)]
    assert "hunter2" not in str(told)
