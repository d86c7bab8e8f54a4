"""``python -m isthmus``."""

from isthmus.cli import app

app()
