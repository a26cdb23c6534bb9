"""`anonbench map`: a learned map from vectors of hidden images to their originals' vectors."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import add_command, aligned, require_suffix, tell
from anonbench.core.errors import InputError
from anonbench.core.io import require_another

if TYPE_CHECKING:
    from anonbench.embedding.mapping import Map

_EPILOG = """\
Examples:
  anonbench map fit originals.h5 hidden.h5 -o map.safetensors --clusters persons.csv
  anonbench map apply map.safetensors archive.h5 -o mapped.h5
  anonbench map apply map.safetensors queries.h5 -o mapped_queries.h5 --queries

Do not score vectors that a map learned from. Keep it like originals. More: docs/how-to/map.md."""

_BOTH = f"""\
-o, --output FILE
--method NAME  how the images were hidden, by any name such as mask-100; `apply` refuses a map of
  another name
--json  print JSON

{_EPILOG}"""
_FIT = f"""\
map fit: learn a map from pairs of vectors, and judge it

ORIGINALS  the originals' vectors
HIDDEN  the hidden images' vectors, with the same ids
--clusters FILE  columns id and cluster (.csv, .parquet): images that show one person or document;
  without it every image counts as independent
--shift  learn no map but the mean difference of the pairs, and add it to all vectors
{_BOTH}"""
_APPLY = f"""\
map apply: map vectors

MAP  what `fit` wrote
VECTORS  vectors of hidden images, or of queries
--queries  the vectors are queries to an index that is not mapped (inner products)
{_BOTH}"""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser(
        "map",
        help="learn and apply a map of vectors that regains retrieval",
        description="Learns a map from pairs of vectors, judges it on images of other clusters, "
        "and applies it. The system is not changed.",
        epilog=_EPILOG,
    )
    steps = parser.add_subparsers(required=True, metavar="step")
    files = dict.fromkeys(("ORIGINALS", "HIDDEN", "MAP", "VECTORS"), Path)
    add_command(steps, _FIT, run_fit, files, output=..., method="")
    add_command(steps, _APPLY, run_apply, files, output=..., method="")


def run_fit(options: argparse.Namespace) -> None:
    """Learn and evaluate a map, write it, and print whether it is recommended."""
    given = [options.originals, options.hidden, options.clusters]
    require_another(options.output, *filter(None, given))
    require_suffix(options.output, ".safetensors")
    from anonbench.evaluation.map_learning import fit_map

    learned = fit_map(*given, method=options.method, shift=options.shift)
    learned.save(options.output)
    strength = learned.card["strength"]  # infinite for a mean shift, which JSON cannot write
    card = {**learned.card, "strength": strength if math.isfinite(strength) else None}
    tell(options, card, as_text(learned, options.output))


def run_apply(options: argparse.Namespace) -> None:
    """Map vectors and write the result."""
    require_another(options.output, options.map, options.vectors)
    require_suffix(options.output, ".h5")
    from anonbench.embedding.formats import read
    from anonbench.embedding.mapping import Map
    from anonbench.embedding.store import Embeddings, write_embeddings
    from anonbench.evaluation.alignment import provenance, require_unmapped, system_of

    learned, given = Map.load(options.map), read(options.vectors)
    made_by = provenance(options.vectors)
    require_unmapped(made_by, str(options.vectors))
    if learned.card.get("method") and not options.method and not options.queries:
        raise InputError(
            f"--method: the map was learned for {learned.card['method']}; say of what method the "
            "vectors are"
        )
    system = system_of(made_by)
    learned.require(system, options.method)
    if not (system and learned.card.get("system")):
        unnamed = options.vectors if learned.card.get("system") else options.map
        print(
            f"not checked: whether these are vectors of the map's system ({unnamed} names none)",
            file=sys.stderr,
        )
    change = learned.queries if options.queries else learned.apply
    source = dict(made_by) | {"mapped": learned.card.get("method") or True}
    write_embeddings(options.output, Embeddings(given.ids, change(given.values), source))
    written = {"output": str(options.output), "images": len(given.ids), "width": learned.width}
    tell(options, written, f"{len(given.ids):,} vectors: {options.output}")


def as_text(learned: Map, output: Path) -> str:
    """Compare a map with no remedy, free remedies and the control, as text."""
    from anonbench.embedding.mapping import FOLDS
    from anonbench.evaluation.map_judging import LABELLED, LABELS, table_rows

    card = learned.card
    rows = [["remedy", "pairs", "queries", "by", "mAP", "gain (interval)"]]
    rows += table_rows(card["judged"])
    reasons = card["why_not"]
    why = [f"{kind} queries: {text}" for kind, text in reasons.items() if text]
    if len(set(reasons.values())) == 1:
        why = [text for text in reasons.values() if text][:1]
    kinds = " and ".join(kind for kind, text in reasons.items() if not text)
    is_shift = not learned.weights.any()
    verdict = f"The {'mean shift' if is_shift else 'map'} is "
    verdict += f"recommended for {kinds} queries" if kinds else "NOT recommended"
    verdict += f" ({'; '.join(why)})." if why else "."
    are_alone = card["clusters"] == card["pairs"]
    groups = f" in {card['clusters']:,} clusters"
    alone = ", which count as independent; where several show one person or page, pass --clusters"
    stands = f"{card['pairs']:,} pairs{alone if are_alone else groups}. Percent, with intervals of "
    stands += f"{card['confidence']:.0%}. Judged in one archive by {FOLDS} maps, each on "
    stands += f"{'pairs' if are_alone else 'clusters'} that it did not learn from; with original "
    stands += "queries, one map for all mostly gains more."
    if is_shift and card["similarity"] == "cosine":
        stands += " Compare shifted vectors by cosine: by inner product, original queries rank "
        stands += "them as before."
    if any(row["metric"] == LABELLED for row in card["judged"]):
        stands += f" {LABELS}"
    keep = f"{output}: keep it as you keep originals. It makes what is visible easier to find."
    return "\n\n".join([aligned(rows, 4), verdict, stands, keep])
