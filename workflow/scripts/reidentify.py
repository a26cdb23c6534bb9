from pathlib import Path

from anonbench.made import Made
from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    made = Made(__file__, snakemake.input, snakemake.output, dict(snakemake.params.items()))
    if not made.restored():
        from anonbench.devices import claimed

        with claimed(snakemake.resources.gpu):
            from anonbench.boxes import read_boxes
            from anonbench.config import Privacy
            from anonbench.imageset import ImageSet
            from anonbench.privacy.lineup import read_people
            from anonbench.privacy.reidentification import Attacked, reidentify
            from anonbench.vocabulary import Entity, Variant

            settings = Privacy.model_validate(snakemake.params.slice["settings"])
            reidentify(
                originals=ImageSet.open([Path(path) for path in snakemake.params.originals]),
                variants=[
                    Attacked(
                        Variant.parse(name),
                        ImageSet.open([Path(path) for path in shards]),
                        Path(parrot) if parrot else None,
                    )
                    for name, shards, parrot in snakemake.params.variants
                ],
                boxes=read_boxes(Path(snakemake.input.boxes)),
                people=read_people(Path(snakemake.input.manifest), settings.identity),
                sought=[Entity(name) for name in snakemake.params.sought],
                unadapted=Path(snakemake.params.unadapted),
                settings=settings,
                seed=snakemake.params.slice["seed"],
                output=Path(snakemake.output.probes),
            )
        made.keep()
