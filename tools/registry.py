"""Finding tools: ours and those of plug-ins come through the same door, the entry points `videre.tools`.

An entry point names a Tool class or an iterable of Tool classes. A plug-in that fails to load is noted, not fatal.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import logging
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from tools.base import InvalidArguments, Tool, VidereError

GROUP = "videre.tools"
# What loading somebody else's module or constructing its classes may come to: this is the border of our code.
LOAD_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    VidereError,
)
_log = logging.getLogger(__name__)


class Registry:
    """Tools by name."""

    def __init__(self, classes: Iterable[type[Tool]], failures: Mapping[str, str] | None = None) -> None:
        """Raises ValueError when two tools share a name."""
        self._tools: dict[str, Tool] = {}
        for tool_class in classes:
            self.add(tool_class())
        self.failures = dict(failures or {})
        """Plug-ins that could not be loaded, by entry point, with the traceback; its last line says why."""

    @classmethod
    def load(cls) -> Registry:
        """All installed tools. What a plug-in does wrong is in `failures`, and none of its tools is taken."""
        registry = cls([])
        # Our own first: a plug-in cannot take the name of one of our tools.
        entries = sorted(
            importlib.metadata.entry_points(group=GROUP), key=lambda entry: (entry.name != "builtin", entry.name)
        )
        for entry in entries:
            try:
                loaded: Any = entry.load()
                tools = [_instance(item) for item in ([loaded] if isinstance(loaded, type) else loaded)]
                registry.add(*tools)
            except LOAD_ERRORS as error:
                _log.warning("the plug-in %s of %s could not be loaded: %s", entry.name, GROUP, type(error).__name__)
                registry.failures[f"{entry.name} ({entry.value})"] = traceback.format_exc()
        return registry

    def add(self, *tools: Tool) -> None:
        """Take all of them or, when a name is taken, none. Raises ValueError."""
        names = [*self._tools, *(tool.name for tool in tools)]
        for tool in tools:
            if names.count(tool.name) > 1:
                raise ValueError(f"two tools are called {tool.name!r}: rename one")
        self._tools |= {tool.name: tool for tool in tools}

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


def _instance(item: Any) -> Tool:
    """Raises TypeError for anything but a Tool class that is complete."""
    if not (isinstance(item, type) and issubclass(item, Tool)):
        raise TypeError(f"{item!r} is no Tool class: an entry point names a Tool class or an iterable of them")
    lacking = [name for name in ("name", "description", "Args", "Result") if not hasattr(item, name)]
    if lacking:
        raise TypeError(f"{item.__name__} lacks {', '.join(lacking)}")
    return item()
