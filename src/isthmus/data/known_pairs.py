"""Known sets of images with label maps. Only their places are known: none can be downloaded."""

from __future__ import annotations

from isthmus.data.entry import Entry
from isthmus.data.pairs import PairReading

KNOWN_PAIRS = (
    Entry(
        name="lungs",
        description="chest X-rays with both lungs; parts by patient",
        sample_shape=(),
        count=153,
        licence="CC BY 4.0 and CC BY-NC-SA, per image",
        pairs=PairReading(values={"background": 0, "lung": 255}, groups="patient"),
    ),
    Entry(
        name="em-membranes",
        description="neurons of a fly larva in an electron microscope; one stack in its order",
        sample_shape=(512, 512),
        count=30,
        licence="non-commercial research",
        pairs=PairReading(
            values={"cell": 255, "membrane": 0},
            validation=("em2[0-4]*",),
            test=("em2[5-9]*",),
        ),
    ),
    Entry(
        name="retina",
        description="fundus photographs with their vessels; both eyes of a child are a group",
        sample_shape=(3, 960, 999),
        count=28,
        licence="CC BY 4.0",
        pairs=PairReading(
            values={"background": 0, "vessel": 255},
            groups=r"Image_(\d+)",
            test=("Image_1[1-4]*",),
        ),
    ),
    Entry(
        name="nuclei",
        description="cell nuclei, fluorescent or stained",
        sample_shape=(),
        count=280,
        licence="CC0",
        pairs=PairReading(
            values={"background": 0, "nucleus": ">0"}, colour=True, objects="masks", kinds="kind"
        ),
    ),
    Entry(
        name="cardiac",
        description="short-axis MRI of the heart, inside of the left ventricle; parts by patient",
        sample_shape=(256, 256),
        count=410,
        licence="CC0",
        pairs=PairReading(values={"background": 0, "left ventricle": 255}, groups="patient"),
    ),
    Entry(
        name="hippocampus",
        description="MRI volumes of the hippocampus, its front and back part; cut to 1 mm voxels",
        sample_shape=(),
        count=60,
        licence="CC BY-SA 4.0",
        pairs=PairReading(values={"background": 0, "anterior": 1, "posterior": 2}, masks="labels"),
    ),
    Entry(
        name="covid-ct",
        description="CT slices of lungs with infections",
        sample_shape=(),
        count=98,
        licence="non-commercial",
        pairs=PairReading(values={"background": 0, "infection": 255}),
    ),
    Entry(
        name="smoke",
        description="camera frames of outdoor smoke; parts by scene",
        sample_shape=(3, 256, 256),
        count=421,
        licence="unknown",
        pairs=PairReading(values={"background": 0, "smoke": 255}, groups="scene"),
    ),
    Entry(
        name="mammo",
        description="mammograms with their tissues",
        sample_shape=(960, 480),
        count=66,
        licence="unknown, research",
        pairs=PairReading(
            values={"background": 0, "adipose": 1, "fibroglandular": 2, "pectoral muscle": 3}
        ),
    ),
)
