"""The exceptions of Isthmus, each carrying one sentence: what was wrong, where, and what to do.

::

    IsthmusError
    ├── SettingError      a value, key or kind that a user chose cannot be used
    ├── DataError         a file, folder, table or array cannot be read or does not fit
    ├── ModelFileError    a saved model or checkpoint is damaged, foreign or inconsistent
    ├── StorageError      a file cannot be written (full disk, no permission)
    └── TrainingError     training cannot go on (the loss is not finite)
        └── TrainingStopped   training was interrupted and can be resumed

All derive from `ValueError`, as scikit-learn expects of bad input.
"""

from __future__ import annotations


class IsthmusError(ValueError):
    """Base of all errors that Isthmus raises on purpose."""


class SettingError(IsthmusError):
    """A value, key or kind that a user chose cannot be used."""


class DataError(IsthmusError):
    """A file, folder, table or array cannot be read or does not fit."""


class ModelFileError(IsthmusError):
    """A saved model or checkpoint is damaged, foreign or inconsistent."""


class StorageError(IsthmusError):
    """A file or folder cannot be written."""


class TrainingError(IsthmusError):
    """Training cannot go on."""


class TrainingStopped(TrainingError):
    """Training was interrupted on request, after its state was saved."""
