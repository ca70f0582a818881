"""Finding tools: ours and those of plug-ins come through the same door, the entry points `videre.tools`.

An entry point names a Tool class or an iterable of Tool classes. A plug-in that fails to load is noted, not fatal.
"""

from __future__ import annotations

import difflib
import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import Any

from tools.base import InvalidArguments, Tool

GROUP = "videre.tools"


class Registry:
    """Tools by name."""

    def __init__(self, classes: Iterable[type[Tool]], failures: Mapping[str, str] | None = None) -> None:
        """Raises ValueError when two tools share a name."""
        self._tools: dict[str, Tool] = {}
        for tool_class in classes:
            if tool_class.name in self._tools:
                raise ValueError(f"two tools are called {tool_class.name!r}")
            self._tools[tool_class.name] = tool_class()
        self.failures = dict(failures or {})
        """Plug-ins that could not be loaded, with the reason."""

    @classmethod
    def load(cls) -> Registry:
        """All installed tools."""
        classes: list[type[Tool]] = []
        failures: dict[str, str] = {}
        for entry in importlib.metadata.entry_points(group=GROUP):
            try:
                loaded: Any = entry.load()
            except (ImportError, AttributeError, TypeError, ValueError, SyntaxError, OSError) as error:
                failures[entry.name] = f"{type(error).__name__}: {error}"
                continue
            classes.extend([loaded] if isinstance(loaded, type) else loaded)
        return cls(classes, failures)

    def names(self) -> list[str]:
        return sorted(self._tools)

    def get(self, name: str) -> Tool:
        """Raises InvalidArguments with the closest names."""
        if name not in self._tools:
            close = difflib.get_close_matches(name, self._tools, n=3)
            hint = f"did you mean {', '.join(close)}?" if close else "'videre tool list' lists them"
            raise InvalidArguments(f"there is no tool {name!r}; {hint}")
        return self._tools[name]

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON schemas of the arguments, by tool."""
        return {name: self._tools[name].schema() for name in self.names()}
