"""The page's files: how they are served, that they are shipped, and that they keep the rules of the house."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from agent.web.serving import FOLDER, mount_page

FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = Starlette()
    mount_page(app)
    return TestClient(app)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_served_with_its_type_and_a_strict_policy(client: TestClient, path: Path) -> None:
    answer = client.get("/" + path.relative_to(FOLDER).as_posix())
    assert answer.status_code == 200
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert answer.headers["content-type"].split(";")[0] == kinds[path.suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    again = client.get(answer.request.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_the_root_is_the_page_and_nothing_outside_is_served(client: TestClient) -> None:
    assert "<title>Videre</title>" in client.get("/").text
    for path in ("/../serving.py", "/%2e%2e/serving.py", "/js/../../serving.py", "/nothing"):
        assert client.get(path).status_code == 404


def test_all_files_are_package_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    assert [path.name for path in FILES if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def test_nothing_is_inline_from_elsewhere_or_parsed_as_html() -> None:
    for path in FILES:
        text = path.read_text()
        assert not re.search(r"https?://(?!www\.w3\.org/)|//cdn", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), path


def test_files_are_short() -> None:
    assert {path.name: n for path in FILES if (n := len(path.read_text().splitlines())) > 400} == {}


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 200_000
