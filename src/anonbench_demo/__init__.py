"""The demo data: portraits, office documents and ID documents, drawn and never downloaded.

`expected_listing` says what there will be, `generate` draws it. Both depend on the settings and
the seed alone.
"""

from anonbench_demo.build import generate
from anonbench_demo.listing import expected_listing

__all__ = ["expected_listing", "generate"]
