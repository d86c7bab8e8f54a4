"""Encoding in the background: begun once, asked after often, kept in memory for a while."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from isthmus.core.errors import IsthmusError, SettingError
from isthmus.data import DataSet, Split
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.studio.answers import absent
from isthmus.studio.explore.codes import Codes, Part, encode
from isthmus.studio.workspace import Workspace

_MOST_KEPT = 6  # sets of codes
_MOST_READ = 2  # sets of data


@dataclass
class Work:
    """The codes of a run, or how far they are.

    Attributes
    ----------
    doing, done
        What is being done, and the share of it that is.
    trouble
        Why there will be no codes.
    """

    doing: str = "Waiting"
    done: float = 0.0
    codes: Codes | None = None
    trouble: str | None = None

    def report(self, doing: str, done: float) -> None:
        """Say how far it is."""
        self.doing, self.done = doing, done


class Explorations:
    """What is explored in a workspace: one set of codes is made at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._works: OrderedDict[tuple[Any, ...], Work] = OrderedDict()
        self._read: OrderedDict[str, tuple[DataSet, Split]] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()

    def model(self, run: str) -> Any:
        """The autoencoder of a run.

        Raises
        ------
        SettingError
            If it is another model.
        """
        model = self._workspace.model(run)
        if model.task != "autoencoding":
            raise SettingError(f"'{run}' is no autoencoder, so it has no code space to explore.")
        return model

    def work(self, run: str, part: Part, count: int) -> Work:
        """The codes of some samples of a run; begun if nobody has asked for them yet."""
        model = self.model(run)
        key = (run, self._workspace.card(run).trained, part, count)
        with self._lock:
            if key not in self._works:
                self._works[key] = Work()
                task = threading.Thread(
                    target=self._do, args=(self._works[key], model, run, part, count), daemon=True
                )
                task.start()
                while len(self._works) > _MOST_KEPT:
                    self._works.popitem(last=False)
            self._works.move_to_end(key)
            return self._works[key]

    def codes(self, run: str, part: Part, count: int) -> Codes:
        """The codes of some samples of a run; 404 while there are none."""
        work = self.work(run, part, count)
        if work.codes is None:
            raise absent(work.trouble or f"The codes of '{run}' are not ready yet.")
        return work.codes

    def _do(self, work: Work, model: Any, run: str, part: Part, count: int) -> None:
        with self._turn:
            try:
                work.report("Reading the data", 0.0)
                work.codes = encode(model, *self._data(run), part, count, work.report)
            except IsthmusError as error:
                work.trouble = str(error)
            except Exception:
                logging.getLogger(__name__).exception("codes of %s", run)
                work.trouble = "The data cannot be encoded; the log of the server tells why."

    def _data(self, run: str) -> tuple[DataSet, Split]:
        """The data of a run, read once for all runs on the same."""
        folder = self._workspace.path(run)
        if not has_recipe(folder):
            raise SettingError(f"'{run}' is a model without its data.")
        settings = read_recipe(folder).data
        key = settings.model_dump_json()
        if key not in self._read:
            self._read[key] = read_data(settings)
            while len(self._read) > _MOST_READ:
                self._read.popitem(last=False)
        self._read.move_to_end(key)
        return self._read[key]
