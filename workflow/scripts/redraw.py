from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import Anonymization
        from anonbench.core.boxes import read_boxes
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.core.vocabulary import Variant

        with locked_gpus(snakemake.resources.gpu):
            from anonbench.training.redrawing import redraw_shard

            redraw_shard(
                hidden=snakemake.input.hidden[0],
                boxes=read_boxes(snakemake.input.boxes),
                variant=Variant.parse(snakemake.wildcards.anonymized),
                hiding=Anonymization.model_validate(snakemake.params.hiding["settings"]),
                network=snakemake.input.network,
                output=snakemake.output.tar,
            )
