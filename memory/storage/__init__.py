"""Where a library lies: a folder of this machine, or of any file system that fsspec knows (`s3://...`, `memory://...`)."""

from memory.storage.base import Store as Store
from memory.storage.open import StoreError as StoreError
from memory.storage.open import open_store as open_store
