"""Starts the program: the window, the engine, or the command line, importing only what it needs."""

from __future__ import annotations

import os
import sys

# Read when torch is loaded. Threads that wait for each other without giving their core away bring
# training to a standstill as soon as the computer does something else beside it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["engine"]:
        from tlstudio.engine.server import serve

        return serve()
    if arguments[:1] == ["look"] and len(arguments) == 2 and arguments[1].isdecimal():
        from tlstudio.images.looking import serve_looks

        return serve_looks(int(arguments[1]))
    if arguments[:1] == ["try"] and len(arguments) == 2:
        return _try_out(arguments[1])
    if not arguments:
        return _window()
    from tlstudio.cli import run

    return run(arguments)


def _try_out(what: str) -> int:
    """One of the doctor's trials, in a process of its own that may crash or hang."""
    if what == "window":
        from tlstudio.gui.trial import try_window

        return try_window()
    from tlstudio.engine.trials import try_out

    return try_out(what)


def _window() -> int:
    """The window, or where there is no display, a sentence about the commands that need none."""
    from tlstudio.display import why_no_display

    reason = why_no_display()
    if reason is not None:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    from tlstudio.gui.app import main as window

    return window(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
