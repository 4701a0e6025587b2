"""The headless door: every job as a command, for people and for scripts."""

from tlstudio.cli.app import run

__all__ = ["run"]
