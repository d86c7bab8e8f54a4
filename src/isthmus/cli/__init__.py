"""The command line. Torch and all that is heavy is imported inside the verbs that need it."""

from isthmus.cli.app import app

__all__ = ["app"]
