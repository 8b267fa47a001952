"""What configurations, environments, command lines and stored models name that is not in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import needs as _needs
from ansible_collections.llmops.litellm.plugins.module_utils._config.needs import (
    FILE,
    GUESS,
    HOST,
    LIKELY,
    MODULE,
    PLACE,
    PROGRAM,
    REFERENCE,
    SOCKET,
    SURE,
)

MODEL = "model_list:\n- model_name: m\n  litellm_params:\n    model: openai/x\n    %s\n"


def named(text: str) -> set[tuple[str, str]]:
    return {(item.kind, item.name) for item in _needs.of_config("/c/config.yaml", text)}


CONFIG: list[tuple[str, set[tuple[str, str]]]] = [
    (MODEL % "vertex_credentials: /srv/keys/sa.json", {(FILE, "/srv/keys/sa.json")}),
    (MODEL % "vertex_credentials: sa.json", {(FILE, "sa.json")}),
    (MODEL % 'vertex_credentials: \'{"type": "service_account"}\'', set()),
    (MODEL % "vertex_credentials: os.environ/SA", {(REFERENCE, "SA")}),
    (MODEL % "oci_key_file: ~/x.pem", {(FILE, "~/x.pem")}),
    (MODEL % "aws_web_identity_token: oidc/file//srv/token", {(FILE, "/srv/token")}),
    (MODEL % "aws_web_identity_token: oidc/env/TOKEN", {(REFERENCE, "TOKEN")}),
    (MODEL % "azure_ad_token: oidc/env_path/TOKEN_FILE", {(REFERENCE, "TOKEN_FILE")}),
    (MODEL % "api_base: http://gpu1:8000/v1", {(HOST, "gpu1")}),
    (MODEL % "api_base: http://user@GPU1.lan.:8000", {(HOST, "gpu1.lan")}),
    (MODEL % "api_base: http://user:it's@gpu1:8000", {(HOST, "gpu1")}),
    (MODEL % "api_base: http://10.0.0.7:8000/v1", set()),
    (MODEL % "api_base: http://[fd00::7]:8000/v1", set()),
    (MODEL % "api_base: http://127.0.0.1:8000/v1", set()),
    (MODEL % "api_base: unix:///srv/vllm.sock", {(SOCKET, "/srv/vllm.sock")}),
    (MODEL % "ssl_verify: /etc/pki/own.pem", {(FILE, "/etc/pki/own.pem")}),
    (MODEL % "ssl_verify: false", set()),
    # what only looks like a path
    (MODEL % "model_id: arn:aws:bedrock:eu-west-1:1:inference-profile/x", set()),
    (MODEL % "base_model: /huggingface/meta/llama", set()),
    (MODEL % "api_version: /v1", set()),
    (MODEL % "api_key: /9j/4AAQSkZJRg+abc==", {(FILE, "/9j/4AAQSkZJRg+abc==")}),  # if it is there
    (
        "general_settings:\n  pass_through_endpoints:\n"
        "  - {path: /v1/rerank, target: 'https://api.example/v1'}\n",
        {(HOST, "api.example")},
    ),
    (
        "general_settings:\n  pass_through_endpoints:\n  - {path: /a, target: adapters.mine}\n",
        {(MODULE, "adapters")},
    ),
    ("general_settings: {custom_auth: custom_auth.user_api_key_auth}", {(MODULE, "custom_auth")}),
    ("general_settings: {custom_sso: sso.handler}", {(MODULE, "sso")}),
    ("litellm_settings:\n  callbacks: hooks.limit.handler\n", {(MODULE, "hooks.limit")}),
    ("litellm_settings:\n  callbacks: [langfuse, my.cb, prometheus]\n", {(MODULE, "my")}),
    ("litellm_settings:\n  success_callback:\n  - 'a.b'\n", {(MODULE, "a")}),
    ("litellm_settings:\n  callbacks: [litellm.proxy.hooks.x.y]\n", set()),
    ("litellm_settings:\n  callbacks: ['s3://bucket/my.handler']\n", set()),
    (
        "litellm_settings:\n  custom_provider_map:\n  - {provider: p, custom_handler: llm.my}\n",
        {(MODULE, "llm")},
    ),
    (
        "guardrails:\n- guardrail_name: g\n  litellm_params: {guardrail: guard.Mine, mode: pre}\n",
        {(MODULE, "guard")},
    ),
    ("guardrails:\n- litellm_params: {guardrail: presidio}\n", set()),
    (
        "guardrails:\n- litellm_params: {presidio_ad_hoc_recognizers: rec.json}\n",
        {(FILE, "rec.json")},
    ),
    ("litellm_settings: {global_prompt_directory: ./prompts}", {(FILE, "./prompts")}),
    ("litellm_settings: {cache_params: {disk_cache_dir: /srv/cache}}", {(PLACE, "/srv/cache")}),
    ("litellm_settings: {cache_params: {s3_path: /srv/cache}}", set()),
    ("litellm_settings: {cache_params: {host: cache.lan}}", {(HOST, "cache.lan")}),
    (
        "mcp_servers:\n  files:\n    command: npx\n    args: [-y, server, /srv/docs]\n",
        {(PROGRAM, "npx"), (FILE, "/srv/docs")},
    ),
    ("mcp_servers:\n  api: {spec_path: /srv/openapi.json}\n", {(FILE, "/srv/openapi.json")}),
    ("mcp_servers:\n  api: {spec_path: 'https://x.example/o.json'}\n", {(HOST, "x.example")}),
    ("include: [models.yaml, /srv/more.yaml]\n", set()),
    ("general_settings: {a: /usr/share/x, b: /tmp/x, c: /srv}", set()),
    ("# vertex_credentials: /srv/old.json\n", set()),
]


@pytest.mark.parametrize(("text", "wanted"), CONFIG)
def test_a_configuration(text: str, wanted: set[tuple[str, str]]) -> None:
    assert named(text) == wanted


def test_where_it_is_said() -> None:
    (found,) = _needs.of_config("/c/config.yaml", "a: 1\nlitellm_settings:\n  ssl_verify: ca.pem\n")
    assert (found.where, found.weight) == ("/c/config.yaml:3", LIKELY)


ENVIRONMENT: list[tuple[str, str, Any]] = [
    ("GOOGLE_APPLICATION_CREDENTIALS", "/srv/sa.json", (FILE, "/srv/sa.json", SURE)),
    ("AWS_SHARED_CREDENTIALS_FILE", "/srv/aws", (FILE, "/srv/aws", SURE)),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "/srv/token", (FILE, "/srv/token", SURE)),
    ("SSL_CERT_FILE", "/etc/ssl/certs/ca.crt", (FILE, "/etc/ssl/certs/ca.crt", SURE)),
    ("REQUESTS_CA_BUNDLE", "ca.crt", (FILE, "ca.crt", SURE)),
    ("SSL_KEYFILE_PATH", "/srv/key.pem", (FILE, "/srv/key.pem", SURE)),
    ("GCS_PATH_SERVICE_ACCOUNT", "/srv/gcs.json", (FILE, "/srv/gcs.json", SURE)),
    ("AZURE_CERTIFICATE_PATH", "/srv/az.pem", (FILE, "/srv/az.pem", SURE)),
    ("SSL_VERIFY", "/srv/ca.pem", (FILE, "/srv/ca.pem", LIKELY)),
    ("SSL_VERIFY", "False", None),
    ("UI_LOGO_PATH", "/srv/logo.png", (FILE, "/srv/logo.png", LIKELY)),
    ("UI_LOGO_PATH", "https://x.example/logo.png", (HOST, "x.example", SURE)),
    ("MY_OWN_RULES", "/srv/rules.json", (FILE, "/srv/rules.json", GUESS)),
    ("PROMETHEUS_MULTIPROC_DIR", "/srv/prom", (PLACE, "/srv/prom", SURE)),
    ("LITELLM_WORKER_STARTUP_HOOKS", "start.hooks:run", (MODULE, "start.hooks", SURE)),
    ("REDIS_HOST", "cache.lan", (HOST, "cache.lan", SURE)),
    ("LANGFUSE_HOST", "https://fuse.lan", (HOST, "fuse.lan", SURE)),
    ("SERVER_ROOT_PATH", "/srv/gateway", None),
    ("HCP_VAULT_APPROLE_MOUNT_PATH", "/srv/approle", None),
    ("PATH", "/srv/bin", None),
    ("HOME", "/home/x", None),
    ("PYTHONPATH", "/srv/lib", None),
    ("OPENAI_API_KEY", "sk-/srv/x", None),
    ("VERTEX_CREDENTIALS", '{"type": "x"}', None),
]


@pytest.mark.parametrize(("name", "value", "wanted"), ENVIRONMENT)
def test_a_variable(name: str, value: str, wanted: Any) -> None:
    found = _needs.of_environment({name: value})
    assert [(item.kind, item.name, item.weight) for item in found] == ([wanted] if wanted else [])
    assert all(name in item.where for item in found)


def test_a_command_line() -> None:
    words = ["--ssl_keyfile_path", "/srv/k.pem", "--ssl_certfile_path", "c.pem", "--debug"]
    words += ["--log_config", "log.ini", "--num_workers", "4", "--api_base", "http://gpu2:1/v1"]
    assert [(item.kind, item.name) for item in _needs.of_options(words)] == [
        (FILE, "/srv/k.pem"),
        (FILE, "c.pem"),
        (FILE, "log.ini"),
        (HOST, "gpu2"),
    ]


def test_a_stored_model() -> None:
    values = {"vertex_credentials": "/srv/sa.json", "api_key": "os.environ/K", "rpm": 5}
    found = _needs.of_stored("mine", values)
    assert [(item.kind, item.name) for item in found] == [
        (FILE, "/srv/sa.json"),
        (REFERENCE, "K"),
    ]
    assert {item.where for item in found} == {"model mine of the database"}


@pytest.mark.parametrize(
    ("environment", "text", "wanted"),
    [
        ({"AWS_PROFILE": "ai"}, "", {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"}),
        (
            {"AWS_PROFILE": "ai", "AWS_SHARED_CREDENTIALS_FILE": "/srv/aws"},
            "",
            {"AWS_CONFIG_FILE"},
        ),
        ({}, "aws_profile_name: ai", {"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"}),
        ({}, "model: vertex_ai/gemini", {"GOOGLE_APPLICATION_CREDENTIALS"}),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/srv/x"}, "model: vertex_ai/gemini", set()),
        ({}, "model: github_copilot/gpt-4", {"GITHUB_COPILOT_TOKEN_DIR"}),
        ({}, "model: openai/gpt-4", set()),
    ],
)
def test_files_of_the_home(environment: dict[str, str], text: str, wanted: set[str]) -> None:
    found = _needs.of_home("/home/x", environment, [text])
    assert {item.variable for item in found} == wanted
    assert all(item.name.startswith("/home/x/.") and item.weight == LIKELY for item in found)


def test_names_of_the_host() -> None:
    text = "127.0.0.1 localhost\n# 10.0.0.1 old\n10.0.0.7 gpu1 GPU1.lan # mine\n10.0.0.8 gpu1\n"
    assert _needs.host_names(text) == {
        "localhost": "127.0.0.1",
        "gpu1": "10.0.0.7",
        "gpu1.lan": "10.0.0.7",
    }


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"gpu1": "10.0.0.7", "gpu2.lan": "fd00::7"}, []),
        ({"gpu1": "gpu2"}, ["gpu1"]),
        ({"gpu1": 5}, ["gpu1"]),
        ({"-x": "10.0.0.7"}, ["-x"]),
        ({"localhost": "10.0.0.7"}, ["localhost"]),
        ({5: "10.0.0.7"}, ["5"]),
    ],
)
def test_hosts_of_an_operator(given: Any, wanted: list[str]) -> None:
    assert _needs.odd_hosts(given) == wanted


def test_references_that_nobody_answers() -> None:
    text = (
        "environment_variables: {SET: x, AGAIN: os.environ/THAT}\n"
        "a: os.environ/SET\nb: os.environ/GONE\nc: os.environ/HERE\nd: os.environ/GONE\n"
    )
    found = _needs.missing(_needs.of_config("/c", text), {"HERE": ""}, _needs.configured(text))
    assert [(item.name, item.where) for item in found] == [("GONE", "/c:3"), ("THAT", "/c:1")]


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '"x"'])
def test_parameters_that_are_none(text: Any) -> None:
    assert _needs.parameters(text) == {}
    assert _needs.parameters('{"a": 1}') == {"a": 1}


@given(st.text())
def test_whatever_is_written_has_some_answer(text: str) -> None:
    for item in _needs.of_config("/c", "a: %s" % text) + _needs.of_environment({"A_FILE": text}):
        assert item.kind and item.where


def test_certificates_in_the_url_of_a_store_are_files() -> None:
    url = "postgresql://u:p@db.example.com/x?sslmode=verify-full&sslrootcert=/etc/pki/ca.pem"
    cache = "rediss://cache.example.com:6380/0?ssl_ca_certs=/etc/pki/cache.pem"
    found = _needs.of_environment({"DATABASE_URL": url, "REDIS_URL": cache, "REDIS_SSL": "true"})
    assert [item for item in found if item.kind == _needs.FILE] == [
        _needs.Named(
            _needs.FILE, "/etc/pki/ca.pem", "DATABASE_URL of the environment, sslrootcert"
        ),
        _needs.Named(
            _needs.FILE, "/etc/pki/cache.pem", "REDIS_URL of the environment, ssl_ca_certs"
        ),
    ]


def test_variables_of_a_store_that_stays_name_files_too() -> None:
    named = {"REDIS_SSL_CA_CERTS": "/etc/pki/ca.pem"}
    assert _needs.of_environment(named) == []
    assert [item.name for item in _needs.of_environment(named, ["redis"])] == ["/etc/pki/ca.pem"]
