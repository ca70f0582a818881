"""From the name of a place to its store."""

from __future__ import annotations

from pathlib import Path

from memory.storage.base import Store
from memory.storage.local import LocalStore


class StoreError(ValueError):
    """A place that cannot hold a library; the message says what to do."""


def open_store(root: str | Path) -> Store:
    """A folder's path, or a URL of fsspec (`file://`, `memory://`, `s3://` ...); nothing is created.

    Raises StoreError for a file, or a URL whose file system is unknown or not installed.
    """
    protocol, separator, _ = str(root).partition("://")
    if separator and protocol != "file":
        return _remote(str(root))
    folder = Path(str(root).removeprefix("file://")).expanduser()
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"the library {folder} is a file; name a folder (VIDERE_HOME)")
    return LocalStore(folder)


def _remote(url: str) -> Store:
    import fsspec

    from memory.storage.remote import RemoteStore

    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise StoreError(f"the library {url} cannot be opened: {error}; install what is missing") from error
    return RemoteStore(filesystem, root)
