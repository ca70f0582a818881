"""The file of a FAISS index: fingerprint of what it was built from, the index, SHA-256 of the index.

FAISS trusts the bytes it reads, so nothing is given to it before both have been checked.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from memory.atomic import sync_folder, temporary_name
from memory.vectors import faiss_module
from memory.vectors.exact import Vectors
from memory.vectors.plan import Plan

log = logging.getLogger(__name__)

DIGEST_BYTES = 32
_FORMAT = "videre vectors 1"
_HASH_BLOCK_BYTES = 1 << 24


def fingerprint(vectors: Vectors, plan: Plan) -> bytes:
    """SHA-256 of the plan, the shape and the digests of every 16 MiB of the vectors, which are hashed in parallel."""
    content = vectors.reshape(-1).view(np.uint8)
    blocks = (content[start : start + _HASH_BLOCK_BYTES] for start in range(0, len(content), _HASH_BLOCK_BYTES))
    with ThreadPoolExecutor() as pool:
        digests = b"".join(pool.map(lambda block: hashlib.sha256(block.data).digest(), blocks))
    return hashlib.sha256(f"{_FORMAT} {plan} {vectors.shape}".encode() + digests).digest()


def write(path: Path, index: Any, mark: bytes) -> None:
    """Write the file of a FAISS index atomically, without a second copy of it in memory. Raises OSError."""
    faiss = faiss_module.load()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, checksum = temporary_name(path), hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            file.write(mark)

            def store(piece: bytes) -> int:
                checksum.update(piece)
                return file.write(piece)

            faiss.write_index(index, faiss.PyCallbackIOWriter(store))
            file.write(checksum.digest())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def read(path: Path, mark: bytes) -> Any:
    """The FAISS index of the file, or None when it is missing, damaged, or of something with another fingerprint."""
    faiss = faiss_module.load()
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 2 * DIGEST_BYTES or file.read(DIGEST_BYTES) != mark:
                log.info("%s is of other vectors or damaged; built again", path)
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stored:
                content = memoryview(stored)[DIGEST_BYTES:-DIGEST_BYTES]
                intact = hashlib.sha256(content).digest() == stored[-DIGEST_BYTES:]
                content.release()
            if not intact:
                log.info("%s is damaged; built again", path)
                return None
            return faiss.read_index(faiss.PyCallbackIOReader(file.read))
    except OSError:
        return None
    except RuntimeError as error:  # written by a FAISS whose format this one does not read
        log.info("%s: %s; built again", path, error)
        return None
