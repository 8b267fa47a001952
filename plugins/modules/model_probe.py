#!/usr/bin/python
# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: model_probe
short_description: Try what models of a LiteLLM proxy can do, and compare it with what is declared
version_added: 0.1.0
description:
  - Sends each model one request per capability of its mode - chat, streaming, system prompt, tools,
    JSON schema, vision, embeddings, rerank - and judges the content of the answer, not its status.
  - Tells what is otherwise than LiteLLM declares, and otherwise than in the run before. What
    C(litellm-ops inventory) tells is part of it.
  - Models of the host come first, and others are only asked with O(scope=all), since that may cost
    money. What a run may take is limited.
  - The report is kept in O(state_dir) where that folder is there. A run that was interrupted is
    taken up by the next.
author: llmops.litellm contributors (@llmops)
extends_documentation_fragment:
  - llmops.litellm.deployment
options:
  url:
    description: Address of the proxy, if it is another one than the deployment's.
    type: str
  scope:
    description:
      - Models of this host, or all, which may cost money. The default of this and the options below
        is what the settings say.
    type: str
    choices: [local, all]
  names:
    description: Patterns of which a model's name must match one.
    type: list
    elements: str
  models:
    description: The most models that are asked. 0 for no limit.
    type: int
  requests:
    description: The most requests. 0 for no limit.
    type: int
  tokens:
    description: Tokens after which nothing more is asked. 0 for no limit.
    type: int
  fresh:
    description: Begin anew, whatever an interrupted run has found.
    type: bool
    default: false
attributes:
  check_mode:
    description: Asks the proxy for its models only, and tells what would be asked of them.
    support: full
  diff_mode:
    description: The report is new with each run.
    support: none
seealso:
  - module: llmops.litellm.health_info
"""

EXAMPLES = r"""
- name: Probe the models of this host
  llmops.litellm.model_probe:
  register: probe

- name: Probe two models, wherever they are
  llmops.litellm.model_probe:
    scope: all
    names: ["gpt-*", claude]
    requests: 20
"""

RETURN = r"""
outcome:
  description:
    - V(healthy), V(degraded) where something is otherwise than declared, V(failed) where no model
      answered, V(unknown) where the budget ended it.
  returned: success, except in check mode
  type: str
plan:
  description: What is asked, as C(model) and C(capability).
  returned: success
  type: list
  elements: dict
report:
  description: The whole report.
  returned: success, except in check mode
  type: dict
findings:
  description: What of the inventory does not fit, in words.
  returned: success, except in check mode
  type: list
  elements: str
paths:
  description: The forms of the report that were kept on the host, C(json), C(md) and C(html).
  returned: success, except in check mode
  type: dict
page:
  description: The report as one page of HTML.
  returned: success, except in check mode
  type: str
screen:
  description: The report as lines to be read.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import locate as _locate
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe_run as _probe_run
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    settings as _settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import display as _display
from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **_settings.OPTIONS,
            "url": {"type": "str"},
            "scope": {"type": "str", "choices": ["local", "all"]},
            "names": {"type": "list", "elements": "str"},
            "models": {"type": "int"},
            "requests": {"type": "int"},
            "tokens": {"type": "int", "no_log": False},
            "fresh": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        settings = _settings.from_params(params, os.geteuid())
        deployment = _locate.find(settings.where, params["kind"] or "")
        deployment = deployment._replace(url=params["url"]) if params["url"] else deployment
        given = {
            name: params[name]
            for name in ("scope", "models", "requests", "tokens")
            if params[name] is not None
        }
        options = settings.probe._replace(
            **given,
            names=settings.probe.names if params["names"] is None else tuple(params["names"]),
        )
        _models, tasks = _probe_run.planned(settings, deployment, options)
        plan = [{"model": task.model, "capability": task.capability.name} for task in tasks]
        if module.check_mode:
            module.exit_json(
                changed=bool(plan),
                plan=plan,
                screen=[
                    "would ask %(model)s: %(capability)s" % task for task in _display.each(plan)
                ],
            )
        report, findings, texts, paths = _probe_run.probe(
            settings, deployment, options, fresh=params["fresh"]
        )
    except (_settings_file.SettingsError, _client.ProxyError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=_problem.words(error))
    module.exit_json(
        changed=bool(paths),
        outcome=report["outcome"],
        plan=plan,
        report=report,
        findings=findings,
        paths=paths,
        page=texts["html"],
        screen=_probe_run.screen(report, findings),
    )


if __name__ == "__main__":
    main()
