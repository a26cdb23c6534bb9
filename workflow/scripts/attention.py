from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.core.io import write_csv
    from anonbench.datasets.clusters import read_clusters
    from anonbench.datasets.listing import root_in
    from anonbench.embedding.attention_maps import summarize_shares
    from anonbench.reporting.figures.attention import attention, panels
    from anonbench.reporting.shown_images import open_shown

    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shares = summarize_shares(
        dict(zip(params.models, map(pd.read_parquet, given.shares), strict=True)),
        read_clusters(given.clusters),
        params.settings["confidence"],
    )
    write_csv(shares, made.shares)
    if given.maps:
        images = open_shown(
            params.shown,
            given.shown,
            root_in(snakemake.config, params.dataset),
            given.searched,
            params.settings["show_originals"],
        )
        attention(
            panels(dict(zip(params.models, given.maps, strict=True)), images),
            outputs=made.figures,
            dpi=params.settings["dpi"],
        )
