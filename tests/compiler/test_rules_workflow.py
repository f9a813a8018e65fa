"""What makes a DRWorkflow wrong, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from support.checked import errors, warnings
from support.plans import http, localization, plan, stage, use, workflow

UNDO = {"type": "HTTP", "http": {"url": "http://site.example/undo"}}
FEED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
SUBSCRIBER = {"clusterAffinity": {}}
POD = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def action(kind: str, block: str, config: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """An action with a custom rollback, so that nothing is said about its way back."""
    config_of = {} if config is None else {block: config}
    return {"name": "act", "type": kind, **config_of, "rollback": UNDO, **fields}


def call(name: str = "act", **fields: Any) -> dict[str, Any]:
    """An HTTP action with a custom rollback."""
    return http(name, **{"rollback": UNDO, **fields})


def said(*actions: dict[str, Any], **spec: Any) -> list[str]:
    """The errors of a workflow, without the prefix of its first action."""
    return [message.removeprefix("action[0] 'act': ") for message in errors(workflow("mysql", *actions, **spec))]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], ["at least one action is required"]),
        ([call("a"), call("a")], ["action[1]: duplicate action name 'a'"]),
        ([call("")], ["action[0]: name is required"]),
        ([{key: value for key, value in call().items() if key != "name"}], ["action[0]: name is required"]),
        ([{"name": "act", "type": "FTP"}], ["unsupported action type 'FTP'"]),
        ([{"name": "act"}], ["unsupported action type ''"]),
    ],
)
def test_actions_have_names_of_their_own_and_known_types(actions: list[dict[str, Any]], expected: list[str]) -> None:
    assert said(*actions) == expected


@pytest.mark.parametrize(
    ("kind", "block", "config", "expected"),
    [
        ("HTTP", "http", None, ["HTTP configuration is required"]),
        ("HTTP", "http", {}, ["HTTP.URL is required"]),
        ("HTTP", "http", {"url": ""}, ["HTTP.URL is required"]),
        ("Job", "job", None, ["Job configuration is required"]),
        ("Localization", "localization", None, ["Localization configuration is required"]),
        (
            "Localization",
            "localization",
            {"operation": "Delete"},
            ["Localization.Name is required", "Localization.Namespace is required"],
        ),
        (
            "Localization",
            "localization",
            {"name": "a", "namespace": "b"},
            ["Localization.Spec is required when operation=Create"],
        ),
        (
            "Localization",
            "localization",
            {"operation": "Patch", "name": "a", "namespace": "b"},
            ["Localization.Spec is required when operation=Patch"],
        ),
        (
            "Localization",
            "localization",
            {"operation": "Apply", "name": "a", "namespace": "b", "spec": {}},
            ["Localization.Spec.Feed (apiVersion, kind, name) is required when operation=Apply"],
        ),
        (
            "Localization",
            "localization",
            {"name": "a", "namespace": "b", "spec": {"feed": {"kind": "Deployment"}}},
            ["Localization.Spec.Feed (apiVersion, kind, name) is required when operation=Create"],
        ),
        ("Globalization", "globalization", None, ["Globalization configuration is required"]),
        ("Globalization", "globalization", {"operation": "Delete"}, ["Globalization.Name is required"]),
        ("Globalization", "globalization", {"name": "a"}, ["Globalization.Spec is required when operation=Create"]),
        (
            "Globalization",
            "globalization",
            {"name": "a", "spec": {}},
            ["Globalization.Spec.Feed (apiVersion, kind, name) is required when operation=Create"],
        ),
        ("HelmChart", "helmChart", None, ["HelmChart configuration is required"]),
        (
            "HelmChart",
            "helmChart",
            {"operation": "Delete"},
            ["HelmChart.Name is required", "HelmChart.Namespace is required"],
        ),
        (
            "HelmChart",
            "helmChart",
            {"name": "a", "namespace": "b"},
            ["HelmChart.Spec is required when operation=Create"],
        ),
        (
            "HelmChart",
            "helmChart",
            {"operation": "Apply", "name": "a", "namespace": "b", "spec": {}},
            [
                f"HelmChart.Spec.{field} is required when operation=Apply"
                for field in ("Repo", "Chart", "TargetNamespace")
            ],
        ),
        ("Subscription", "subscription", None, ["Subscription configuration is required"]),
        ("Subscription", "subscription", {"operation": "Delete"}, ["Subscription.Name is required"]),
        ("Subscription", "subscription", {"name": "a"}, ["Subscription.Spec is required when operation=Create"]),
        (
            "Subscription",
            "subscription",
            {"operation": "Replace", "name": "a"},
            ["Subscription.Spec is required when operation=Replace"],
        ),
        (
            "Subscription",
            "subscription",
            {"name": "a", "spec": {"feeds": [], "subscribers": []}},
            [
                "Subscription.Spec.Feeds is required (at least one feed)",
                "Subscription.Spec.Subscribers is required (at least one subscriber)",
            ],
        ),
        ("KubernetesResource", "resource", None, ["KubernetesResource configuration is required"]),
        ("KubernetesResource", "resource", {}, ["KubernetesResource.Manifest is required"]),
        ("KubernetesResource", "resource", {"manifest": ""}, ["KubernetesResource.Manifest is required"]),
    ],
)
def test_each_type_asks_for_its_block(
    kind: str, block: str, config: dict[str, Any] | None, expected: list[str]
) -> None:
    assert said(action(kind, block, config)) == expected


@pytest.mark.parametrize(
    ("kind", "block", "config"),
    [
        ("HTTP", "http", {"url": "https://[::1]:8443/a?b=c#d"}),
        ("Job", "job", {"template": {"spec": {"template": {"spec": POD}}}}),
        ("Localization", "localization", {"operation": "Delete", "name": "a", "namespace": "b"}),
        (
            "Localization",
            "localization",
            {"operation": "Patch", "name": "a", "namespace": "b", "spec": {"priority": 1}},
        ),
        ("Localization", "localization", {"name": "a", "namespace": "b", "spec": {"feed": FEED}}),
        ("Globalization", "globalization", {"operation": "Apply", "name": "a", "spec": {"feed": FEED}}),
        ("HelmChart", "helmChart", {"operation": "Patch", "name": "a", "namespace": "b", "spec": {"version": "2"}}),
        (
            "HelmChart",
            "helmChart",
            {"name": "a", "namespace": "b", "spec": {"repo": "oci://r", "chart": "c", "targetNamespace": "t"}},
        ),
        ("Subscription", "subscription", {"name": "a", "spec": {"feeds": [FEED], "subscribers": [SUBSCRIBER]}}),
        ("Subscription", "subscription", {"operation": "Delete", "name": "a"}),
        ("Subscription", "subscription", {"operation": "Patch", "name": "a", "spec": {}}),
        ("KubernetesResource", "resource", {"operation": "Patch", "manifest": CONFIG_MAP}),
    ],
)
def test_a_complete_block_is_no_error(kind: str, block: str, config: dict[str, Any]) -> None:
    assert said(action(kind, block, config)) == []


def test_a_patch_needs_no_custom_rollback_because_what_it_changed_is_recorded() -> None:
    patch = {"operation": "Patch", "name": "a", "namespace": "b", "spec": {"priority": 1}}
    manifest = workflow("mysql", {"name": "act", "type": "Localization", "localization": patch})

    assert errors(manifest) == []
    assert warnings(manifest) == []


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("site.example/", "it must begin with http:// or https://"),
        ("ftp://site.example/", "it must begin with http:// or https://"),
        ("http:///path", "it names no host"),
        ("http://a b/", "it has a space in it; write %20"),
        ("http://a:port/", "port could not be cast to integer value as 'port'"),
        ("http://[::1/", "invalid IPv6 URL"),
        ("http://$(hostname)/", '"$(hostname)" is no host name'),
        ("ftp://$(params.host)/", "it must begin with http:// or https://"),
    ],
)
def test_a_url_that_cannot_be_called_is_an_error(url: str, fault: str) -> None:
    assert said(call(url=url)) == [f'HTTP.URL "{url}" is not valid: {fault}']


@pytest.mark.parametrize(
    "url", ["http://$(params.host)/", "$(params.url)", "https://{{ .params.host }}:8080/", "http://bücher.example/"]
)
def test_a_url_with_placeholders_is_judged_as_far_as_it_is_written(url: str) -> None:
    assert said(call(url=url)) == []


def test_status_codes_and_names_of_headers_are_checked() -> None:
    assert said(call(successCodes=[100, 99, 599, 600], headers={"X-Ok": "a b", "not ok": "", "$(params.h)": ""})) == [
        'HTTP.Headers: "not ok" cannot be the name of a header',
        "HTTP.SuccessCodes: 99 is no status code; use 100 to 599",
        "HTTP.SuccessCodes: 600 is no status code; use 100 to 599",
    ]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_headers_that_follow_from_the_body_are_not_for_a_workflow_to_set(name: str) -> None:
    assert said(call(headers={name: "3", "Host": "db.example"})) == [
        f'HTTP.Headers: "{name}" is set by the runner, from the body; take it out'
    ]


@pytest.mark.parametrize("spec", [POD, {"template": {}}, {"template": {"spec": {"restartPolicy": "Never"}}}, {}])
def test_a_job_holds_the_spec_of_a_job_not_of_a_pod(spec: dict[str, Any]) -> None:
    assert said(action("Job", "job", {"template": {"spec": spec}})) == [
        "Job.Template.Spec is the spec of a Job: the pod's, with containers, belongs to template.spec in it"
    ]


def test_a_job_needs_a_restart_policy_that_jobs_may_have() -> None:
    pod = {key: value for key, value in POD.items() if key != "restartPolicy"}

    assert said(action("Job", "job", {"template": {"spec": {"template": {"spec": pod}}}})) == [
        "Job.Template.Spec.Template.Spec.RestartPolicy must be Never or OnFailure"
    ]


@pytest.mark.parametrize("name", ["Upper", "a_b", "-a", "a" * 254])
def test_names_of_clusternet_objects_must_be_names_unless_they_are_rendered(name: str) -> None:
    config = {"operation": "Delete", "name": name}

    assert said(action("Subscription", "subscription", config)) == [
        f'Subscription.Name "{name}" is not a valid name of an object'
    ]
    assert said(action("Subscription", "subscription", {**config, "name": "$(params.Name)_"})) == []


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("# nothing", "it holds no object"),
        ("---\n---\n", "it holds no object"),
        ("a: [", "line 1: not valid YAML: expected a value here"),
        (
            "kind: A\nkind: B\napiVersion: v1\nmetadata: {name: a}",
            'line 2: key "kind" is already set on line 1; keep one of the two',
        ),
        ("text", "line 1: not an object with apiVersion, kind and metadata.name"),
        (f"{CONFIG_MAP}---\nkind: A\nmetadata: []\n", "document 2, line 5: apiVersion and metadata.name are required"),
        (f"{CONFIG_MAP}---\na: [", "document 2, line 5: not valid YAML: expected a value here"),
        (
            f"---\n---\n{CONFIG_MAP}---\na: !x b\n" + CONFIG_MAP.replace("name: a", "name: b"),
            "document 2, line 7: tag !x is not supported; remove it",
        ),
        (
            f"{CONFIG_MAP}---\n{CONFIG_MAP}",
            "document 2, line 5: ConfigMap a stands already in document 1, line 1; keep one of the two",
        ),
        ('{"kind": "List", "items": [{"kind": "A"}]}', "line 1, items[0]: apiVersion and metadata.name are required"),
        ("kind: List\nitems: []\n", "it holds no object"),
        (
            "kind: A\napiVersion: v1\nmetadata: {name: a, namespace: n}",
            "line 1: metadata.namespace should be text; quote it",
        ),
        ("kind: 5\napiVersion: v1\nmetadata: {name: a}", "line 1: kind is required"),
        ("a: \x07", "line 1: the character U+0007 may not be in a manifest; remove or escape it"),
    ],
)
def test_a_manifest_that_makes_no_object_is_an_error(manifest: str, fault: str) -> None:
    assert said(action("KubernetesResource", "resource", {"manifest": manifest})) == [
        f"KubernetesResource.Manifest is not valid: {fault}"
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        CONFIG_MAP,
        f"{CONFIG_MAP}---\n{CONFIG_MAP.replace('v1', 'x.io/v1')}",
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}]}',
        "---\n".join(CONFIG_MAP.replace("name: a", f"name: $(params.{name})") for name in "ab"),
        '{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}',
        "apiVersion: v1\nkind: $(params.kind)\nmetadata: {name: a-$(params.name)}\ndata: {{ .params.data }}\n",
        "$(params.manifest)",
        f"{CONFIG_MAP}data: {{command: 'echo $$(params.a) $(date)'}}\n",
    ],
)
def test_a_manifest_of_one_or_several_objects_with_placeholders_is_no_error(manifest: str) -> None:
    assert said(action("KubernetesResource", "resource", {"manifest": manifest})) == []


def test_the_block_of_another_type_is_a_warning() -> None:
    manifest = workflow("mysql", call(job={"template": {"spec": {}}}))

    assert errors(manifest) == []
    assert warnings(manifest) == ["action[0] 'act': the block job is ignored: the action is of type HTTP"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timeout": "soon"}, 'invalid timeout: "soon" is not a duration; write for example 30s, 5m or 1h30m'),
        ({"timeout": "5"}, 'invalid timeout: "5" is not a duration; write for example 30s, 5m or 1h30m'),
        (
            {"timeout": "$(params.t)"},
            'invalid timeout: "$(params.t)" is not a duration; write for example 30s, 5m or 1h30m',
        ),
        ({"timeout": "0"}, "invalid timeout: timeout must be positive"),
        ({"timeout": "-1m"}, "invalid timeout: timeout must be positive"),
        ({"retryPolicy": {"limit": -1}}, "invalid retry policy: limit must not be negative"),
        (
            {"retryPolicy": {"interval": "often"}},
            'invalid retry policy: invalid retry interval often: "often" is not a duration; '
            "write for example 30s, 5m or 1h30m",
        ),
        ({"retryPolicy": {"interval": "-5s"}}, "invalid retry policy: retry interval -5s must not be negative"),
        (
            {"retryPolicy": {"backoffMultiplier": "twice"}},
            'invalid retry policy: invalid backoff multiplier twice: write a decimal number such as "2.0"',
        ),
        (
            {"retryPolicy": {"backoffMultiplier": "NaN"}},
            'invalid retry policy: invalid backoff multiplier NaN: write a decimal number such as "2.0"',
        ),
        (
            {"retryPolicy": {"backoffMultiplier": "0.9"}},
            "invalid retry policy: backoff multiplier must be >= 1.0, got 0.9",
        ),
        (
            {"when": "mode == sometimes"},
            'unsupported mode value "sometimes" in when; use one of delete, install, rollback, upgrade',
        ),
    ],
)
def test_timing_and_conditions_that_are_wrong_are_errors(fields: dict[str, Any], expected: str) -> None:
    assert said(call(**fields)) == [expected]


def test_a_condition_that_does_not_parse_is_quoted() -> None:
    (message,) = said(call(when="mode = install"))

    assert message.startswith('invalid when expression "mode = install": ')


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout": "1h30m"},
        {"timeout": ""},
        {"retryPolicy": {"limit": 0, "interval": "0", "backoffMultiplier": "1"}},
        {"retryPolicy": {"interval": "1.5s", "backoffMultiplier": "2.5"}},
        {"when": " "},
        {"when": 'mode == "install" || !(operation != delete) && params.tier == "a b"'},
        {"hookType": "pre-install"},
        {"hookType": "post-rollback"},
        {"clusterExecutionMode": ""},
        {"clusterExecutionMode": "Global"},
    ],
)
def test_timing_and_conditions_that_are_right_are_no_errors(fields: dict[str, Any]) -> None:
    assert said(call(**fields)) == []


def test_acting_in_each_cluster_is_for_subscriptions_only_and_an_error_elsewhere() -> None:
    assert said(call(clusterExecutionMode="PerCluster", waitReady=False)) == [
        "clusterExecutionMode=PerCluster is for type Subscription only, not HTTP",
    ]


def test_a_subscription_may_act_per_cluster_and_clean_up() -> None:
    spec = {"feeds": [FEED], "subscribers": [SUBSCRIBER]}
    fields = {"clusterExecutionMode": "PerCluster", "waitReady": True, "hookCleanup": {"beforeCreate": True}}
    manifest = workflow("mysql", action("Subscription", "subscription", {"name": "a", "spec": spec}, **fields))

    assert errors(manifest) == []
    assert warnings(manifest) == []


@pytest.mark.parametrize("operation", ["Create", "Apply", "Patch", "Replace"])
def test_acting_per_cluster_asks_for_a_spec(operation: str) -> None:
    fields = {"clusterExecutionMode": "PerCluster", "waitReady": True}

    assert said(action("Subscription", "subscription", {"name": "a", "operation": operation}, **fields)) == [
        f"Subscription.Spec is required when operation={operation}"
    ]


def test_deleting_per_cluster_without_a_spec_is_a_warning_that_says_what_stays() -> None:
    fields = {"clusterExecutionMode": "PerCluster", "waitReady": True}
    manifest = workflow("mysql", action("Subscription", "subscription", {"name": "a", "operation": "Delete"}, **fields))

    assert errors(manifest) == []
    assert warnings(manifest) == [
        "action[0] 'act': without Subscription.Spec only the child Subscriptions that earlier runs have recorded "
        "are deleted"
    ]


@pytest.mark.parametrize("wait", [{}, {"waitReady": False}])
def test_acting_per_cluster_without_waiting_is_a_warning(wait: dict[str, Any]) -> None:
    config = {"name": "a", "operation": "Apply", "spec": {"feeds": [FEED], "subscribers": [SUBSCRIBER]}}
    fields = {"clusterExecutionMode": "PerCluster", **wait}
    manifest = workflow("mysql", action("Subscription", "subscription", config, **fields))

    assert errors(manifest) == []
    assert warnings(manifest) == [
        "action[0] 'act': clusterExecutionMode=PerCluster has no effect without waitReady: the Subscription acts once"
    ]


def test_waiting_for_a_globalization_is_a_warning() -> None:
    config = {"name": "a", "operation": "Delete"}
    manifest = workflow("mysql", action("Globalization", "globalization", config, waitReady=True))

    assert errors(manifest) == []
    assert warnings(manifest) == ["action[0] 'act': waitReady has no effect on type Globalization"]


def test_cleaning_up_after_another_type_is_a_warning() -> None:
    manifest = workflow("mysql", call(hookCleanup={"onSuccess": True}))

    assert errors(manifest) == []
    assert warnings(manifest) == ["action[0] 'act': hookCleanup has no effect on type HTTP"]


def test_fields_without_effect_are_warnings() -> None:
    assert warnings(workflow("mysql", call(waitReady=True, hookType="before-lunch"))) == [
        "action[0] 'act': waitReady has no effect on type HTTP",
        "action[0] 'act': hookType \"before-lunch\" changes nothing; known are pre-install, post-install, pre-upgrade, "
        "post-upgrade, pre-delete, post-delete, pre-rollback, post-rollback",
    ]


AUTOMATIC = "action[0] 'act': no custom rollback defined, will use automatic rollback (delete resource)"


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (localization("act"), [AUTOMATIC]),
        (localization("act", operation="Apply"), []),
        (localization("act", operation="Delete"), []),
        (action("Job", "job", {"template": {"spec": {"template": {"spec": POD}}}}), [AUTOMATIC]),
        (action("KubernetesResource", "resource", {"manifest": CONFIG_MAP}), [AUTOMATIC]),
        (action("KubernetesResource", "resource", {"operation": "Apply", "manifest": CONFIG_MAP}), [AUTOMATIC]),
        (action("KubernetesResource", "resource", {"operation": "Delete", "manifest": CONFIG_MAP}), []),
        (http("act", method="POST"), ["action[0] 'act': no rollback defined, a revert cannot undo this HTTP call"]),
        (http("act", method="GET"), []),
        (http("act", method="POST", hookType="pre-rollback"), []),
    ],
)
def test_how_an_action_without_a_custom_rollback_is_undone_is_a_warning(
    member: dict[str, Any], expected: list[str]
) -> None:
    member = {key: value for key, value in member.items() if key != "rollback"}

    assert warnings(workflow("mysql", member)) == expected


@pytest.mark.parametrize(
    ("rollback", "expected"),
    [
        ({"type": "HTTP"}, ["action[0] 'act' rollback: HTTP configuration is required"]),
        ({}, ["action[0] 'act' rollback: HTTP configuration is required"]),
        ({"type": "FTP"}, ["action[0] 'act' rollback: unsupported action type 'FTP'"]),
        ({"http": {"url": ""}}, ["action[0] 'act' rollback: HTTP.URL is required"]),
        (
            {"type": "Localization", "localization": {"operation": "Patch", "name": "a", "namespace": "b"}},
            ["action[0] 'act' rollback: Localization.Spec is required when operation=Patch"],
        ),
        (
            {**UNDO, "timeout": "soon"},
            [
                "action[0] 'act' rollback: invalid timeout: \"soon\" is not a duration; "
                "write for example 30s, 5m or 1h30m",
            ],
        ),
        (
            {**UNDO, "when": "mode == rollback", "dependsOn": ["a"], "rollback": UNDO},
            [
                f"action[0] 'act' rollback: {field} is not allowed in a rollback"
                for field in ("when", "dependsOn", "rollback")
            ],
        ),
        (
            {"http": {"url": 5}},
            ['spec.actions[0].rollback.http.url must be text, not a number; quote it: "5"'],
        ),
        ({"name": 5, **UNDO}, ['spec.actions[0].rollback.name must be text, not a number; quote it: "5"']),
    ],
)
def test_a_custom_rollback_is_an_action_without_conditions(rollback: dict[str, Any], expected: list[str]) -> None:
    assert errors(workflow("mysql", call(rollback=rollback))) == expected


@pytest.mark.parametrize(
    "rollback",
    [
        {"http": {"url": "http://x/"}},
        {"name": "undo", "type": "HTTP", "http": {"url": "http://x/"}},
        {"type": "Localization", "localization": {"operation": "Delete", "name": "a", "namespace": "b"}},
        {"type": "Job", "job": {"template": {"spec": {"template": {"spec": POD}}}}},
    ],
)
def test_a_custom_rollback_may_be_of_any_type(rollback: dict[str, Any]) -> None:
    manifest = workflow("mysql", call(rollback=rollback))

    assert errors(manifest) == []
    assert warnings(manifest) == []


@pytest.mark.parametrize(
    ("depends_on", "expected"),
    [
        ({"a": ["x"]}, ['unknown action "x" in dependsOn of action "a"']),
        ({"a": ["a"]}, ['action "a" depends on itself']),
        ({"a": ["b"], "b": ["a"]}, ["cycle detected in action dependsOn graph (2 actions in cycle): [a b a]"]),
        (
            {"a": ["c"], "b": ["a"], "c": ["b"], "d": ["c"]},
            ["cycle detected in action dependsOn graph (3 actions in cycle): [a c b a]"],
        ),
        ({"b": ["a", "a", " a "]}, []),
        ({"a": ["b"]}, []),
    ],
)
def test_actions_depend_on_others_and_in_no_circle(depends_on: dict[str, list[str]], expected: list[str]) -> None:
    members = [call(name, **({"dependsOn": depends_on[name]} if name in depends_on else {})) for name in "abcd"]

    assert errors(workflow("mysql", *members)) == expected


def test_outputs_can_be_used_of_actions_that_have_run_before() -> None:
    in_order = [
        call("a"),
        call("b", body="$(outputs.a.json.ip) $(outputs.a.statusCode)"),
        call("c", body="$(outputs.a.body)"),
    ]
    as_graph = [call("b", body="$(outputs.a.phase)", dependsOn=["a"]), call("a"), call("c", body="x")]

    assert errors(workflow("mysql", *in_order)) == []
    assert errors(workflow("mysql", *as_graph)) == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([call("act", body="$(outputs.b.body)"), call("b")], "$(outputs.b.body)"),
        ([call("act", body="$(outputs.act.body)")], "$(outputs.act.body)"),
        ([call("act", body="$(outputs.b.body)", dependsOn=["c"]), call("b"), call("c")], "$(outputs.b.body)"),
        ([call("act", body="$(outputs.nobody.body)")], "$(outputs.nobody.body)"),
    ],
)
def test_outputs_of_actions_that_have_not_run_before_are_errors(members: list[dict[str, Any]], text: str) -> None:
    name = text.split(".")[1]

    assert said(*members) == [f'{text}: "{name}" is no action of this workflow that has run before this one']


def test_a_rollback_and_its_hooks_can_use_the_outputs_of_all_actions() -> None:
    undo = {"http": {"url": "http://x/$(outputs.b.json.ip)"}}
    members = [call("a", rollback=undo), call("b"), call("h", hookType="pre-rollback", body="$(outputs.b.body)")]

    assert errors(workflow("mysql", *members)) == []


@pytest.mark.parametrize(
    ("first", "path", "fault"),
    [
        (
            call("a"),
            "ip",
            'an action of type HTTP has no output "ip"; it has phase, message, statusCode, body and json',
        ),
        (
            localization("a", rollback=UNDO),
            "body",
            'an action of type Localization has no output "body"; it has phase, message, ref and object',
        ),
    ],
)
def test_outputs_that_a_type_does_not_have_are_errors(first: dict[str, Any], path: str, fault: str) -> None:
    text = f"$(outputs.a.{path})"

    assert errors(workflow("mysql", first, call("b", body=text))) == [f"action[1] 'b': {text}: {fault}"]


@pytest.mark.parametrize("text", ["$(params.9a)", "$(params.a.b)", "$(outputs.a)", "$(outputs.a.b[x])"])
def test_what_only_looks_like_a_placeholder_is_an_error(text: str) -> None:
    assert said(call(body=text)) == [f"{text} is no placeholder; write $(params.name) or $(outputs.action.path)"]


@pytest.mark.parametrize("text", ["$(date)", "$(hostname -f)", "$$(params.9a)", "$(POD_NAME)", "{{ .Values.x }}"])
def test_text_of_shells_and_templates_is_left_alone(text: str) -> None:
    assert said(call(body=text)) == []


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"default": "x"}], ["parameter[0]: name is required"]),
        ([{"name": "a"}, {"name": "a"}], ["parameter[1]: duplicate parameter name 'a'"]),
        ([{"name": "a.b"}], ['parameter[0]: parameter name "a.b" must match [a-zA-Z][a-zA-Z0-9_-]*']),
        ([{"name": "mode"}], ['parameter[0]: parameter name "mode" is reserved; use spec.mode field instead']),
        (
            [{"name": "a", "type": "number", "default": "x"}],
            ['parameter[0](a): "x" is not a number, as its declaration demands'],
        ),
        ([{"name": "a", "type": "int"}], ['spec.parameters[0].type must be string, number or boolean, not "int"']),
    ],
)
def test_parameters_that_a_workflow_cannot_declare_are_errors(
    entries: list[dict[str, Any]], expected: list[str]
) -> None:
    assert said(call(), parameters=entries) == expected


def test_a_declared_value_is_a_warning_because_workflows_declare_defaults() -> None:
    assert warnings(workflow("mysql", call(), parameters=[{"name": "a", "value": "x"}])) == [
        "parameter[0](a): a workflow declares a default, not a value; write default"
    ]


def test_an_executor_of_older_manifests_is_accepted() -> None:
    executor = {"type": "Argo", "argoOptions": {"namespace": "argo"}}
    manifest = workflow("mysql", call(), executor=executor)

    assert errors(manifest) == []
    assert warnings(manifest, plan(stage("db", use("mysql")))) == []
