"""Runs a program in this interpreter as if it had been started directly."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import io
import os
import sys
import zipfile
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, Dict, List, Optional, cast

__all__ = ["run_code", "run_module", "run_script"]


def _main_module(attributes: Dict[str, Any]) -> ModuleType:
    module = ModuleType("__main__")
    module.__dict__.update({"__builtins__": builtins, **attributes})
    # Stays there: the program's exit handlers look names up in it.
    sys.modules["__main__"] = module
    return module


def _execute(make_code: Callable[[], CodeType], attributes: Dict[str, Any]) -> None:
    module = _main_module(attributes)
    try:
        code = make_code()
    except SyntaxError as error:
        error.__traceback__ = None
        sys.excepthook(type(error), error, None)
        sys.exit(1)
    try:
        exec(code, module.__dict__)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        # Leaves out our own frame.
        own = error.__traceback__
        error.__traceback__ = own and own.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def run_script(path: str, arguments: List[str]) -> None:
    """``python3 PATH ARGUMENTS``."""
    sys.argv[:] = [path, *arguments]
    path = os.path.abspath(path)
    if not _is_source(path):
        sys.path[0] = path
        _run_spec(importlib.machinery.PathFinder.find_spec("__main__", [path]), path)
        return
    sys.path[0] = os.path.dirname(path)
    with io.open_code(path) as file:
        text = file.read()
    attributes = {"__file__": path, "__spec__": None, "__cached__": None}
    _execute(lambda: cast(CodeType, compile(text, path, "exec")), attributes)


def _is_source(path: str) -> bool:
    """Whether it is source, not a folder or an archive with a ``__main__.py`` in it."""
    return not os.path.isdir(path) and not zipfile.is_zipfile(path)


def run_module(name: str, arguments: List[str]) -> None:
    """``python3 -m NAME ARGUMENTS``."""
    sys.path[0] = os.getcwd()
    spec = _spec_of(name)
    sys.argv[:] = [(spec.origin if spec else None) or name, *arguments]
    _run_spec(spec, name)


def _run_spec(spec: Optional[importlib.machinery.ModuleSpec], name: str) -> None:
    loader: Any = spec.loader if spec else None
    code: Optional[CodeType] = None
    if spec is not None and hasattr(loader, "get_code"):
        code = loader.get_code(spec.name)
    if spec is None or code is None:
        sys.exit(f"{sys.executable}: No module named {name}")
    runnable = code
    _execute(
        lambda: runnable,
        {
            "__file__": spec.origin,
            "__cached__": spec.cached,
            "__loader__": spec.loader,
            "__package__": spec.parent,
            "__spec__": spec,
        },
    )


def _spec_of(name: str) -> Optional[importlib.machinery.ModuleSpec]:
    """The spec that ``-m`` runs: the module's, or that of a package's ``__main__``."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        return None
    return spec


def run_code(text: str, arguments: List[str]) -> None:
    """``python3 -c TEXT ARGUMENTS``."""
    sys.path[0] = ""
    sys.argv[:] = ["-c", *arguments]
    _execute(lambda: cast(CodeType, compile(text, "<string>", "exec")), {"__spec__": None})
