"""The figures in both text formats, as Prometheus' own parsers read them, and as the documentation has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from tempmaild import __version__
from tempmaild.core.health import Finding
from tempmaild.core.metrics import METRICS, Sample
from tempmaild.service.metrics import Metrics
from tests.support import run

if TYPE_CHECKING:
    from tests.support import TestAppliance

PROJECT = Path(__file__).parents[2]
GUIDE = PROJECT / "docs" / "monitoring.md"
_FIGURE = re.compile(r"\b(tempmaild_\w+|up)\b")
_LABEL = re.compile(r"[{,] *(\w+)=~?\"")


def make(house: TestAppliance) -> Metrics:
    appliance = house.appliance
    metrics = Metrics(appliance.statistics, appliance.amounts, appliance.health, house.clock, "mx.box.test")
    run(metrics.begin())
    return metrics


def count(house: TestAppliance, *names: str) -> None:
    house.appliance.statistics.count(names)
    run(house.appliance.statistics.flush())


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    return {sample.labels: sample.value for sample in run(metrics.gather()).samples if sample.name == name}


def test_counters_begin_with_the_daemon_and_never_fall(house: TestAppliance) -> None:
    count(house, "accept", "accept")
    metrics = make(house)
    assert values(metrics, "tempmaild_mail_total")["accept",] == 0
    seen = 0.0
    for step in range(60):
        count(house, "accept", "spf=pass")
        now = values(metrics, "tempmaild_mail_total")["accept",]
        assert now == seen + 1
        seen = now
        # Past the end of the hour, of the time in which stragglers come, and for days.
        house.clock.now += (10, 299, 301, 1700, 3600, 100_000)[step % 6]


def test_what_comes_late_is_counted_in_its_hour_or_the_next(house: TestAppliance) -> None:
    metrics = make(house)
    house.appliance.statistics.count(("accept",))
    values(metrics, "tempmaild_mail_total")
    house.clock.now += 3599
    run(house.appliance.statistics.flush())
    assert values(metrics, "tempmaild_mail_total")["accept",] == 1


def test_a_clock_that_is_set_back_makes_no_counter_fall(house: TestAppliance) -> None:
    metrics = make(house)
    house.clock.now += 7200
    count(house, "accept")
    assert values(metrics, "tempmaild_mail_total")["accept",] == 1
    house.clock.now -= 3000
    assert values(metrics, "tempmaild_mail_total")["accept",] == 1
    count(house, "accept")
    assert values(metrics, "tempmaild_mail_total")["accept",] == 2


def test_gauges_are_those_of_this_host(house: TestAppliance) -> None:
    metrics = make(house)
    run(house.appliance.statistics.put("main", {"sessions/imap": 2}))
    run(house.appliance.statistics.put("serving-1", {"sessions/imap": 3}))
    assert values(metrics, "tempmaild_sessions") == {("imap",): 5}
    other = Metrics(
        house.appliance.statistics, house.appliance.amounts, house.appliance.health, house.clock, "mx2.box.test"
    )
    assert values(other, "tempmaild_sessions") == {}


def test_levels_are_the_latest(house: TestAppliance) -> None:
    metrics = make(house)
    assert values(metrics, "tempmaild_mailboxes") == {}
    house.create()
    run(house.appliance.amounts.flush())
    assert values(metrics, "tempmaild_mailboxes") == {(): 1}
    house.clock.now += 3600
    assert values(metrics, "tempmaild_mailboxes") == {(): 1}
    house.create()
    run(house.appliance.amounts.flush())
    assert values(metrics, "tempmaild_mailboxes") == {(): 2}
    assert values(metrics, "tempmaild_database_bytes")[()] > 10_000


def full(house: TestAppliance) -> Metrics:
    """Make metrics in which every figure has a value."""
    metrics = make(house)
    names = ["accept", "refuse/clamav", "spf=pass", "session/imap", "turned-away/banned", "mail-log/lost"]
    count(house, *names, "latency<=0.002", "latency<=600")
    gauges = {"sessions/imap": 1, "writer/waiting": 0, "reactor/lag": 0.0}
    run(
        house.appliance.statistics.put(
            "main", gauges | {"checks/processes": 2, "checks/ready": 2, "checks/waiting": 0}
        )
    )
    run(house.appliance.amounts.flush())
    run(house.appliance.health.put([Finding('address "192.0.2.1"\n', "problem", "It is listed.")]))
    return metrics


OF_THE_PROCESS = [
    Sample("tempmaild_disk_free_bytes", (), 1.0),
    Sample("tempmaild_disk_bytes", (), 2.0),
    Sample("tempmaild_ready", (), 1.0),
]


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "OpenMetrics"])
def test_everything_is_there_as_the_table_says(house: TestAppliance, openmetrics: bool) -> None:
    text, media_type = run(full(house).text(OF_THE_PROCESS, openmetrics=openmetrics))
    assert media_type.startswith(
        "application/openmetrics-text; version=1.0.0" if openmetrics else "text/plain; version=0.0.4"
    )
    read = read_openmetrics if openmetrics else read_text
    families = {family.name: family for family in read(text.decode())}
    for metric in METRICS:
        family = families.pop(metric.name if metric.name in families else re.sub("_(total|info)$", "", metric.name))
        assert family.type == metric.kind or (family.type, metric.kind) == ("gauge", "info")
        assert family.documentation == metric.meaning
        assert family.samples, "every figure has a value"
        labels = {"le"} if metric.kind == "histogram" else set(metric.labels)
        assert all(set(sample.labels) == labels for sample in family.samples)
    assert not families
    assert b"192.0.2.1" not in text


def test_latencies_are_cumulated(house: TestAppliance) -> None:
    text, _ = run(full(house).text([], openmetrics=True))
    buckets = dict(re.findall(r'^tempmaild_answer_seconds_bucket{le="(.*)"} (.*)$', text.decode(), re.MULTILINE))
    assert (buckets["0.0015"], buckets["0.002"], buckets["120.0"], buckets["+Inf"]) == ("0.0", "1.0", "1.0", "2.0")


def test_the_version_is_told(house: TestAppliance) -> None:
    assert (
        f'tempmaild_build_info{{version="{__version__}"}} 1.0'
        in run(make(house).text([], openmetrics=False))[0].decode()
    )


def test_the_guide_has_the_same_table() -> None:
    rows = re.findall(r"^\| `(tempmaild_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", GUIDE.read_text(), re.MULTILINE)
    expected = [
        (metric.name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for metric in METRICS
    ]
    assert [tuple(part.strip() for part in row) for row in rows] == expected


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-rules.yml"])
def test_the_examples_name_figures_that_there_are(name: str) -> None:
    text = (PROJECT / "config" / name).read_text()
    assert yaml.safe_load(text)
    named = set(re.findall(r"\btempmaild_\w+", text))
    known = {metric.name for metric in METRICS} | {
        f"{metric.name}_bucket" for metric in METRICS if metric.kind == "histogram"
    }
    assert named <= known


def test_the_rules_for_alerts_name_labels_that_there_are() -> None:
    labels = {metric.name: {*metric.labels, "instance"} for metric in METRICS}
    labels |= {f"{metric.name}_bucket": {"le", "instance"} for metric in METRICS if metric.kind == "histogram"}
    (group,) = yaml.safe_load((PROJECT / "config/prometheus-rules.yml").read_text())["groups"]
    for rule in group["rules"]:
        expression = rule["expr"]
        known = set.intersection(*(labels.get(name, {"job", "instance"}) for name in _FIGURE.findall(expression)))
        named = _LABEL.findall(expression) + [
            label for by in re.findall(r"by \((.*?)\)", expression) for label in by.split(", ")
        ]
        told = re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        assert known >= {*named, *told}, rule["alert"]
