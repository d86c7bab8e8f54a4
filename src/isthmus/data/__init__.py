"""Data: reading, checking, splitting, scaling and writing of samples."""

from isthmus.data.catalogue import CATALOGUE, find, listing
from isthmus.data.check import check
from isthmus.data.dataset import DataSet
from isthmus.data.download import get
from isthmus.data.entry import Entry, RemoteFile
from isthmus.data.instances import InstanceSet, read_instances
from isthmus.data.making import draw_pictures, make_pairs, write_pairs
from isthmus.data.overlay import overlay
from isthmus.data.pair_check import PairCheck, check_pairs
from isthmus.data.pair_reading import read_pairs
from isthmus.data.pairs import PairSet
from isthmus.data.problems import Problem
from isthmus.data.reading import read
from isthmus.data.splits import Split, split
from isthmus.data.writing import write_array, write_images, write_label_map, write_table

__all__ = [
    "CATALOGUE",
    "DataSet",
    "Entry",
    "InstanceSet",
    "PairCheck",
    "PairSet",
    "Problem",
    "RemoteFile",
    "Split",
    "check",
    "check_pairs",
    "draw_pictures",
    "find",
    "get",
    "listing",
    "make_pairs",
    "overlay",
    "read",
    "read_instances",
    "read_pairs",
    "split",
    "write_array",
    "write_images",
    "write_label_map",
    "write_pairs",
    "write_table",
]
