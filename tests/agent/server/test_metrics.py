"""What the server counts, read back as Prometheus does."""

from __future__ import annotations

import re

from agent.server.metrics import Metrics

LINE = re.compile(r'(?P<name>[a-z_]+)(\{(?P<labels>([a-z]+="([^"\\\n]|\\.)*",?)*)\})? (?P<value>-?[0-9.e+]+|\+Inf)')


def read(text: str) -> dict[str, float]:
    """Samples by name and labels; every line has to be well formed, every family announced once."""
    found, kinds = {}, set()
    for line in text.splitlines():
        if line.startswith("#"):
            word, name = line.split()[1:3]
            assert (word, name) not in kinds
            kinds.add((word, name))
            continue
        sample = LINE.fullmatch(line)
        assert sample, line
        family = re.sub(r"_(bucket|sum|count)$", "", sample["name"])
        assert ("TYPE", sample["name"]) in kinds or ("TYPE", family) in kinds
        found[sample["name"] + (f"{{{sample['labels']}}}" if sample["labels"] else "")] = float(sample["value"])
    return found


def test_requests_are_counted_by_route_and_status() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.3, 100.0):
        metrics.note("GET", "/api/videos/{id}", 200, seconds)
    metrics.note("BREW", "other", 405, 0.0)
    metrics.note_bytes(10**12 + 1, 7)
    found = read(metrics.render({"quick": {"workers": 1, "waiting": 0}}, {"running": 2}))
    assert found['videre_http_requests_total{method="GET",route="/api/videos/{id}",status="200"}'] == 3
    assert found['videre_http_requests_total{method="OTHER",route="other",status="405"}'] == 1
    assert found['videre_http_body_bytes_total{direction="in"}'] == 10**12 + 1
    assert found['videre_tasks_waiting{kind="quick"}'] == 0
    assert found['videre_jobs{state="running"}'] == 2
    assert found["process_resident_memory_bytes"] > 1e6


def test_the_histogram_grows_with_its_bounds() -> None:
    metrics = Metrics()
    for seconds in (0.004, 0.3, 100.0):
        metrics.note("GET", "/a", 200, seconds)
    found = read(metrics.render({}, {}))
    assert found['videre_http_response_seconds_bucket{route="/a",le="0.005"}'] == 1
    assert found['videre_http_response_seconds_bucket{route="/a",le="0.25"}'] == 1
    assert found['videre_http_response_seconds_bucket{route="/a",le="0.5"}'] == 2
    assert found['videre_http_response_seconds_bucket{route="/a",le="60.0"}'] == 2
    assert found['videre_http_response_seconds_bucket{route="/a",le="+Inf"}'] == 3
    assert found['videre_http_response_seconds_count{route="/a"}'] == 3
    assert found['videre_http_response_seconds_sum{route="/a"}'] == 100.304


def test_labels_cannot_break_a_line() -> None:
    metrics = Metrics()
    metrics.note("GET", 'a"b\\c\nd', 200, 0.0)
    read(metrics.render({}, {}))
