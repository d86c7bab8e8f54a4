"""Errors as users meet them: one sentence on stderr and a non-zero exit."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from isthmus.core.errors import IsthmusError, TrainingStopped

# Of typer's own copy of click, or of click itself, as the version has it.
_UsageError: Any = typer.BadParameter.__base__
_INTERRUPTED = 130  # what shells give for Ctrl-C


class OneSentence(TyperGroup):
    """A group of verbs that turns what was refused, or failed, into one sentence.

    A programming error keeps its traceback.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the verb."""
        with _one_sentence():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        with _one_sentence():
            return super().invoke(ctx)


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except TrainingStopped as stop:
        typer.echo(str(stop), err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except KeyboardInterrupt:
        typer.echo("Interrupted; no file was left half-written.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except IsthmusError as error:
        _fail(str(error))
    except _UsageError as error:
        if "NoArgs" in type(error).__name__:  # shows the help
            raise
        context = getattr(error, "ctx", None)
        advice = f" See: {context.command_path} --help" if context else ""
        _fail(f"{error.format_message().rstrip('.')}.{advice}", error.exit_code)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has seen enough
            raise
        _fail(f"{error.filename or 'A file'}: {error.strerror or error}.")
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        _fail("The memory is full; use a part of the data, smaller images or a smaller network.")


def _is_memory(error: BaseException) -> bool:
    """Torch raises a plain RuntimeError when it is refused memory."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "allocate memory" in words


def _fail(sentence: str, code: int = 1) -> NoReturn:
    typer.echo("Error: " + sentence.replace("\n", " "), err=True)
    raise typer.Exit(code) from None
