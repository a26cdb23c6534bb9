from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.evaluation.comparisons.effect_table import read_effects
    from anonbench.evaluation.sample_sizes.variance import read_variances
    from anonbench.reporting.findings.models import accuracies_of, effects_of, write_models
    from anonbench.reporting.summary import read_scores

    effects = pd.concat([read_effects(Path(path)) for path in snakemake.input.effects])
    variances = pd.concat([read_variances(Path(path)) for path in snakemake.input.variances])
    scores = pd.concat([read_scores(Path(path)) for path in snakemake.input.scores])
    write_models(
        effects_of(effects, variances),
        accuracies_of(scores),
        csv=Path(snakemake.output.csv),
        accuracy=Path(snakemake.output.accuracy),
        markdown=Path(snakemake.output.markdown),
    )
