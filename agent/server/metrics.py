"""What the server counts, in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
WORKERS = {
    "workers": ("videre_workers", "gauge", "Worker processes."),
    "busy": ("videre_workers_busy", "gauge", "Worker processes with a task."),
    "memory_bytes": ("videre_workers_memory_bytes", "gauge", "Memory of worker processes."),
    "restarts": ("videre_workers_restarts_total", "counter", "Worker processes that were replaced."),
    "waiting": ("videre_tasks_waiting", "gauge", "Tasks that wait for a worker."),
    "done": ("videre_tasks_done_total", "counter", "Tasks done."),
    "failed": ("videre_tasks_failed_total", "counter", "Tasks that failed."),
}
"""Metrics by their name in the pool's counts."""

Labels = tuple[tuple[str, str], ...]
Sample = tuple[Labels, float]


class Metrics:
    """Counts of requests by the template of their route, so that their number stays bounded."""

    def __init__(self) -> None:
        self._started_at = time.time()
        self.in_flight = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._bytes: Counter[str] = Counter()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `seconds` until its answer began."""
        self._requests[method if method in METHODS else "OTHER", route, status] += 1
        self._seconds[route] += seconds
        for bucket in BUCKETS_S:
            if seconds <= bucket:
                self._within[route, bucket] += 1

    def note_bytes(self, received: int, sent: int) -> None:
        """Bytes of bodies that went in and out."""
        self._bytes["in"] += received
        self._bytes["out"] += sent

    def render(self, pool: Mapping[str, Mapping[str, float]], jobs: Mapping[str, int]) -> str:
        """All counts, with those of the workers by kind and of jobs by state."""
        parts = [
            *self._of_requests(),
            _family("videre_http_in_flight", "gauge", "Requests that are being answered.", [((), self.in_flight)]),
            _family(
                "videre_http_body_bytes_total",
                "counter",
                "Bytes of bodies.",
                [((("direction", way),), num) for way, num in sorted(self._bytes.items())],
            ),
            *(
                _family(
                    name, kind, about, [((("kind", of),), stats[key]) for of, stats in pool.items() if key in stats]
                )
                for key, (name, kind, about) in WORKERS.items()
            ),
            _family(
                "videre_jobs", "gauge", "Jobs by state.", [((("state", state),), num) for state, num in jobs.items()]
            ),
            *_of_process(self._started_at),
        ]
        return "".join(parts)

    def _of_requests(self) -> Iterable[str]:
        yield _family(
            "videre_http_requests_total",
            "counter",
            "Requests answered.",
            [
                ((("method", method), ("route", route), ("status", str(status))), num)
                for (method, route, status), num in sorted(self._requests.items())
            ],
        )
        totals: Counter[str] = Counter()
        for (_, route, _), num in self._requests.items():
            totals[route] += num
        name, lines = "videre_http_response_seconds", []
        for route, total in sorted(totals.items()):
            of = (("route", route),)
            lines += [
                _line(f"{name}_bucket", (*of, ("le", str(bucket))), self._within[route, bucket]) for bucket in BUCKETS_S
            ]
            lines.append(_line(f"{name}_bucket", (*of, ("le", "+Inf")), total))
            lines.append(_line(f"{name}_sum", of, self._seconds[route]))
            lines.append(_line(f"{name}_count", of, total))
        yield _head(name, "histogram", "Seconds until an answer began (streams go on after it).") + "".join(lines)


def _of_process(started_at: float) -> Iterable[str]:
    yield _family("process_start_time_seconds", "gauge", "Start of the web process.", [((), started_at)])
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:
            resident = int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        num_open = len(os.listdir("/proc/self/fd"))
    except OSError:  # not every system has it
        return
    yield _family("process_resident_memory_bytes", "gauge", "Memory of the web process.", [((), resident)])
    yield _family("process_open_fds", "gauge", "Open files of the web process.", [((), num_open)])


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> str:
    return _head(name, kind, about) + "".join(_line(name, labels, value) for labels, value in samples)


def _head(name: str, kind: str, about: str) -> str:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{pairs}}} {value}\n" if pairs else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
