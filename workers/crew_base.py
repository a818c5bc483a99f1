"""What the processes of a crew share: loaded once, by the fork server that they come from, before they part.

The fork server imports this module and does nothing else, so that loading is what its import is for.
"""

import gc

from pipeline import enrich, flow
from workers import bootstrap

__all__ = ["bootstrap", "flow"]

enrich.load()
gc.collect()
gc.freeze()  # the collector would write into what is shared, and so copy it
