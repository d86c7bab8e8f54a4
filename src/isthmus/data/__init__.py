"""Data: reading, checking, splitting, scaling and writing of samples."""

from isthmus.data.catalogue import CATALOGUE, Entry, RemoteFile, find, listing
from isthmus.data.check import check
from isthmus.data.dataset import DataSet
from isthmus.data.download import get
from isthmus.data.problems import Problem
from isthmus.data.reading import read
from isthmus.data.splits import Split, split
from isthmus.data.writing import write_array, write_images, write_table

__all__ = [
    "CATALOGUE",
    "DataSet",
    "Entry",
    "Problem",
    "RemoteFile",
    "Split",
    "check",
    "find",
    "get",
    "listing",
    "read",
    "split",
    "write_array",
    "write_images",
    "write_table",
]
