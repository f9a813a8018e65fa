"""Hypothesis strategies for actions and their configuration, as plain JSON values; see `support.draws`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from support.draws_base import (
    ACTION_TYPES,
    DURATIONS,
    FLAGS,
    INT32,
    INT64,
    NAMES,
    NATURAL,
    OPERATIONS,
    TEXT_MAPS,
    TEXTS,
    Objects,
    anything,
    objects,
    one_of,
    open_objects,
    some,
)


def label_selectors() -> Objects:
    """Draw a label selector."""
    expression = objects({"key": NAMES, "operator": one_of("In", "Exists")}, {"values": some(TEXTS)})
    return objects({}, {"matchLabels": TEXT_MAPS, "matchExpressions": some(expression)})


def feeds() -> Objects:
    """Draw a feed of Clusternet."""
    return objects({"apiVersion": TEXTS, "kind": TEXTS, "name": TEXTS}, {"namespace": TEXTS})


def override_specs(*, affinity: bool) -> Objects:
    """Draw the spec of a Localization, or of a Globalization, which has an affinity."""
    override = objects(
        {"type": one_of("Helm", "JSONPatch", "MergePatch", "FieldJSONPatch", "FieldMergePatch"), "value": TEXTS},
        {"name": TEXTS, "overrideChart": FLAGS, "fieldPath": TEXTS, "fieldFormat": one_of("YAML", "JSON")},
    )
    fields: dict[str, st.SearchStrategy[Any]] = {
        "overridePolicy": one_of("ApplyNow", "ApplyLater"),
        "overrides": some(override),
        "priority": st.integers(0, 1000),
        "feed": feeds(),
    }
    return objects({}, {**fields, "clusterAffinity": label_selectors()} if affinity else fields)


def helm_chart_specs(*, ours: bool) -> Objects:
    """Draw the spec of a HelmChart; only ours may leave out what a patch does not change."""
    identity = {
        "repo": one_of("https://charts.example.com/x", "oci://r.example.com", "http://x/$(params.x)"),
        "chart": TEXTS,
        "targetNamespace": TEXTS,
    }
    flags = (
        "createNamespace wait waitForJob atomic upgradeAtomic disableHooks force plainHTTP replace replaceCRDs skipCRDs"
    )
    optional = {
        "version": TEXTS,
        "timeoutSeconds": INT32,
        "chartPullSecret": objects({}, {"name": TEXTS, "namespace": TEXTS}),
        **dict.fromkeys(flags.split(), FLAGS),
    }
    return objects({}, {**optional, **identity}) if ours else objects(identity, optional)


def subscription_specs(*, ours: bool) -> Objects:
    """Draw the spec of a Subscription; only ours may leave out what a patch does not change."""
    subscriber = objects(
        {"clusterAffinity": label_selectors()},
        {"weight": NATURAL, "subGroupStrategy": objects({}, {"minClusters": NATURAL})},
    )
    lists = {"feeds": some(feeds()), "subscribers": some(subscriber)}
    dividing = objects(
        {"type": one_of("Static", "Dynamic")},
        {"dynamicDividing": objects({}, {"strategy": one_of("Spread", "Binpack")})},
    )
    optional = {
        "schedulingStrategy": one_of("Replication", "Dividing"),
        "schedulerName": TEXTS,
        "preemptionPolicy": one_of("PreemptLowerPriority", "PreemptNever"),
        "dividingScheduling": dividing,
        "schedulingBySubGroup": FLAGS,
        "priority": INT32,
        "clusterTolerations": some(objects({}, {"key": TEXTS, "operator": TEXTS, "tolerationSeconds": INT64})),
    }
    return objects({}, {**optional, **lists}) if ours else objects(lists, optional)


def action_blocks(*, ours: bool) -> dict[str, Objects]:
    """Return a strategy for the configuration of each type, by the name of its field."""
    operation = one_of(*OPERATIONS)
    http: dict[str, st.SearchStrategy[Any]] = {
        "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
        "headers": TEXT_MAPS,
        "body": TEXTS,
        "successCodes": some(st.integers(100, 599)),
        "insecureSkipVerify": FLAGS,
    }
    pod = st.just({"containers": [{"name": "c", "image": "busybox", "resources": {"limits": {"cpu": 1}}}]})
    job_spec = objects(
        {"template": objects({"spec": pod}, {})}, {"backoffLimit": INT32, "activeDeadlineSeconds": INT64}
    )
    return {
        "http": objects({"url": TEXTS}, {**http, "idempotent": FLAGS} if ours else http),
        "job": objects(
            {"template": objects({"spec": job_spec}, {})}, {"namespace": TEXTS, "ttlSecondsAfterFinished": INT32}
        ),
        "localization": objects(
            {"name": TEXTS, "namespace": TEXTS}, {"operation": operation, "spec": override_specs(affinity=False)}
        ),
        "globalization": objects({"name": TEXTS}, {"operation": operation, "spec": override_specs(affinity=True)}),
        "helmChart": objects(
            {"name": TEXTS, "namespace": TEXTS}, {"operation": operation, "spec": helm_chart_specs(ours=ours)}
        ),
        "subscription": objects(
            {"name": TEXTS},
            {
                "operation": one_of(*OPERATIONS, "Replace"),
                "namespace": TEXTS,
                "spec": subscription_specs(ours=ours),
            },
        ),
        "resource": objects({"manifest": TEXTS}, {"operation": operation}),
    }


@st.composite
def actions(draw: st.DrawFn, *, ours: bool) -> dict[str, Any]:
    """Draw an action: with the block of its type or without, and sometimes with one of another type."""
    blocks = action_blocks(ours=ours)
    chosen = draw(st.sets(st.sampled_from(sorted(blocks)), max_size=2))
    added = {"dependsOnPolicy": one_of("Finished", "Succeeded")} if ours else {}
    rest = objects(
        {"name": NAMES, "type": one_of(*ACTION_TYPES)},
        {
            "timeout": DURATIONS,
            "waitReady": FLAGS,
            "retryPolicy": objects({}, {"limit": INT32, "interval": DURATIONS, "backoffMultiplier": TEXTS}),
            "rollback": open_objects(anything()),
            "dependsOn": some(NAMES),
            "when": TEXTS,
            "hookType": one_of("pre-rollback", "post-rollback", "presync", ""),
            "clusterExecutionMode": one_of("", "Global", "PerCluster"),
            "hookCleanup": objects({}, {"beforeCreate": FLAGS, "onSuccess": FLAGS, "onFailure": FLAGS}),
            **added,
        },
    )
    return {**draw(rest), **{name: draw(blocks[name]) for name in sorted(chosen)}}
