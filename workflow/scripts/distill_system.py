from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import LowRank, load
        from anonbench.core.libraries.devices import locked_gpus
        from anonbench.core.vocabulary import Variant
        from anonbench.datasets.image_sets.shards import ImageSet
        from anonbench.datasets.listing import root_of
        from anonbench.embedding.low_rank import learn_updates

        config, dataset = load(snakemake.config), snakemake.wildcards.dataset
        root = root_of(config.datasets[dataset])
        with locked_gpus(snakemake.resources.gpu):
            learn_updates(
                system=config.system_of(dataset),
                original=ImageSet.open(snakemake.input.original, root),
                hidden=ImageSet.open(snakemake.input.anonymized, root),
                variant=Variant.parse(snakemake.wildcards.anonymized),
                settings=LowRank.model_validate(snakemake.params.low_rank),
                seed=int(snakemake.wildcards.seed),
                adapter=snakemake.output.adapter,
                log=snakemake.output.history,
            )
