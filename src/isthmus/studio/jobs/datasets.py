"""Data sets by name: known ones, those registered at the command line, and those sent."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from isthmus import __version__
from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import nearest
from isthmus.data import CATALOGUE, Entry, find, listing
from isthmus.data.making import is_made
from isthmus.studio.answers import absent
from isthmus.studio.jobs.jobs import HIDDEN, refuse_name
from isthmus.studio.jobs.measuring import kind_of, measure
from isthmus.studio.jobs.store import FILE, Row, Store
from isthmus.studio.jobs.uploads import keep_upload

_PAIRS = "images with label maps"


class DataCard(BaseModel):
    """What is known of a data set.

    Attributes
    ----------
    origin
        ``"known"`` to Isthmus, ``"registered"`` at the command line, or ``"sent"`` to the studio.
    version
        Of its content: two sets with the same one hold the same; ``None`` until it is measured.
    found
        Whether it can be used now; if not, `advice` says what to do.
    share
        How much of it is read, while it is measured.
    """

    name: str
    origin: str
    kind: str
    description: str = ""
    licence: str = ""
    version: str | None = None
    bytes: int | None = None
    samples: int | None = None
    shape: tuple[int, ...] = ()
    classes: list[str] = []
    found: bool = True
    advice: str = ""
    share: float | None = None
    added: float | None = None


class DataSets:
    """The data sets that a studio knows.

    Parameters
    ----------
    store
        Keeps those that are registered or sent, and what was measured of any.
    folder
        For those that are sent, each in a folder of its own.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._shares: dict[str, float] = {}
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Those of the studio of a folder."""
        return cls(Store(folder / FILE), folder.resolve() / HIDDEN / "data")

    def cards(self) -> list[DataCard]:
        """All of them: own ones first, then known ones that are here, then the others."""
        rows = {row["name"]: row for row in self._store.rows("SELECT * FROM datasets")}
        known = [self._known(entry, at, rows.get(entry.name)) for entry, at in listing()]
        own = [self._own(row) for row in rows.values() if row["origin"] != "known"]
        own.sort(key=lambda card: -(card.added or 0))
        return own + sorted(known, key=lambda card: not card.found)

    def register(self, name: str, path: Path, origin: str = "registered") -> None:
        """Give data a name, or a new place.

        Raises
        ------
        SettingError, DataError
            If the name cannot be used, or there are no data.
        """
        refuse_name(name)
        if name in CATALOGUE:
            raise SettingError(f"'{name}' is the name of a known data set; choose another name.")
        kind = kind_of(path)
        self._store.change(
            "INSERT INTO datasets (name, path, origin, kind, added) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET path = excluded.path, origin = excluded.origin,"
            " kind = excluded.kind, version = NULL, bytes = NULL, samples = NULL",
            name,
            str(path.resolve()),
            origin,
            kind,
            time.time(),
        )

    def keep(self, name: str, content: bytes) -> None:
        """Keep what was sent under a name.

        Raises
        ------
        SettingError, DataError
            If the name is taken or cannot be used, or the data cannot.
        """
        refuse_name(name)
        if name in CATALOGUE or self._row(name):
            raise SettingError(f"There is a data set '{name}' already; choose another name.")
        path = keep_upload(content, name, self._folder / name)
        self.register(name, path, "sent")
        self.measure(name)

    def forget(self, name: str) -> None:
        """Take a set out of the list; files are removed of what was sent only."""
        row = self._row(name)
        if row is None or row["origin"] == "known":
            raise absent(f"There is no data set '{name}' of yours here.")
        self._store.change("DELETE FROM datasets WHERE name = ?", name)
        if row["origin"] == "sent":
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def measure(self, name: str) -> None:
        """Count and fingerprint a set, in a thread of its own; 404 if there is none."""
        path = self._path(name)
        with self._lock:
            if name in self._shares:
                return
            self._shares[name] = 0.0
            self._troubles.pop(name, None)
        threading.Thread(target=self._measure, args=(name, path), daemon=True).start()

    def measure_new(self) -> None:
        """Measure what was registered and never measured."""
        for row in self._store.rows("SELECT * FROM datasets WHERE version IS NULL"):
            if Path(row["path"]).exists():
                self.measure(row["name"])

    # -- for recipes ------------------------------------------------------------------------

    def source(self, name: str) -> str:
        """What a recipe names to read a set.

        Raises
        ------
        DataError
            If there is none of the name.
        """
        row = self._row(name)
        if name in CATALOGUE:
            return name
        if row is None:
            names = [*CATALOGUE, *(row["name"] for row in self._store.rows(_NAMES))]
            raise DataError(f"There is no data set '{name}' here{nearest(name, names)}.")
        if not Path(row["path"]).exists():
            raise DataError(f"The data set '{name}' is no longer in {row['path']}.")
        return str(row["path"])

    def name_of(self, source: str) -> str | None:
        """The name of what a recipe reads; ``None`` where it has none here."""
        if source in CATALOGUE:
            return source
        found = self._store.row("SELECT name FROM datasets WHERE path = ?", source)
        return None if found is None else str(found["name"])

    def refuse_absent(self, source: str) -> None:
        """Refuse a known set whose files are not here.

        Raises
        ------
        DataError
            With what to do.
        """
        if source in CATALOGUE and not is_made(source):
            find(source)

    # -- cards ------------------------------------------------------------------------------

    def _own(self, row: Row) -> DataCard:
        found = Path(row["path"]).exists()
        name = row["name"]
        trouble = self._troubles.get(name, "")
        return DataCard(
            **{key: row[key] for key in ("name", "origin", "version", "bytes", "samples", "added")},
            kind=row["kind"] or "",
            description=row["path"] if row["origin"] == "registered" else "Sent to this studio",
            found=found,
            advice=trouble if found else f"It is no longer in {row['path']}; register it again.",
            share=self._shares.get(name),
        )

    def _known(self, entry: Entry, at: Path | None, row: Row | None) -> DataCard:
        made = is_made(entry.name)
        found = made or at is not None
        way = f"run: isthmus data get {entry.name}"
        if not entry.files:
            way = "set ISTHMUS_DATA to the folder above it, and start the studio again"
        version, size = _listed(entry)
        if row and row["path"] == str(at):
            version, size = row["version"], row["bytes"]
        return DataCard(
            name=entry.name,
            origin="known",
            kind=_PAIRS if entry.pairs else "images",
            description=entry.description,
            licence=entry.licence,
            version=version,
            bytes=size,
            samples=entry.count,
            shape=entry.sample_shape,
            classes=list(entry.pairs.values) if entry.pairs else [],
            found=found,
            advice=self._troubles.get(entry.name, "") if found else f"It is not here; {way}.",
            share=self._shares.get(entry.name),
        )

    def _row(self, name: str) -> Row | None:
        return self._store.row("SELECT * FROM datasets WHERE name = ?", name)

    def _path(self, name: str) -> Path:
        row = self._row(name)
        if name in CATALOGUE:
            if _listed(CATALOGUE[name])[0]:
                raise SettingError(f"The version of '{name}' is known without reading it.")
            return find(name)
        if row is None:
            raise absent(f"There is no data set '{name}' here.")
        return Path(row["path"])

    def _measure(self, name: str, path: Path) -> None:
        try:
            found = measure(path, lambda share: self._shares.__setitem__(name, share))
            if name in CATALOGUE:
                self._store.change(
                    "INSERT INTO datasets (name, path, origin, added) VALUES (?, ?, 'known', ?)"
                    " ON CONFLICT DO UPDATE SET path = excluded.path",
                    name,
                    str(path),
                    time.time(),
                )
            self._store.change(  # nothing, where it was taken out of the list meanwhile
                "UPDATE datasets SET kind = ?, version = ?, bytes = ?, samples = ?"
                " WHERE name = ? AND path = ?",
                found.kind,
                found.version,
                found.bytes,
                found.samples,
                name,
                str(path),
            )
        except (OSError, ValueError) as error:
            self._troubles[name] = str(error)
        finally:
            self._shares.pop(name, None)


_NAMES = "SELECT name FROM datasets"


def _listed(entry: Entry) -> tuple[str | None, int | None]:
    """Version and bytes of a known set, where they follow from the catalogue."""
    if entry.files:
        sums = " ".join(file.checksum for file in entry.files)
        version = hashlib.sha256(sums.encode()).hexdigest()[:16]
        return version, sum(file.size for file in entry.files)
    if is_made(entry.name) or not entry.contents:  # made or bundled
        return f"Isthmus {__version__}" if is_made(entry.name) else "of scikit-learn", None
    return None, None
