"""Images with label maps that are made, not read: for trials, tests and where no set is at hand.

To add one, write a file with its `MadeEntry`, whose `draw` makes a `Picture` of a generator and a
size, and list it here.
"""

from isthmus.data.made import breasts, cells, chest_ct, hearts, lungs, scenes, smoke, vessels

MADE_PAIRS = (
    smoke.ENTRY,
    lungs.ENTRY,
    vessels.ENTRY,
    cells.ENTRY,
    scenes.ENTRY,
    hearts.ENTRY,
    breasts.ENTRY,
    chest_ct.ENTRY,
)
MADE_VOLUMES = (chest_ct.VOLUMES,)
