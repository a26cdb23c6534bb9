from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.evaluation.comparisons.effect_table import read_effects
    from anonbench.evaluation.sample_sizes.variance import read_variances
    from anonbench.reporting.findings.models import effects_of, write_models

    effects = pd.concat([read_effects(Path(path)) for path in snakemake.input.effects])
    variances = pd.concat([read_variances(Path(path)) for path in snakemake.input.variances])
    write_models(
        effects_of(effects, variances),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
    )
