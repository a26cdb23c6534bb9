# All rules. A bundle (docs/how-to/bundle.md) has no images: it has only the rules that need none.

from snakemake.utils import min_version

min_version("9.22")  # 9.20 fails with our logger


if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "common.smk"


if not settings.bundle:

    include: "manifest.smk"
    include: "detect.smk"
    include: "quality.smk"
    include: "anonymize.smk"
    include: "audit.smk"
    include: "train.smk"
    include: "embed.smk"
    include: "retrieve.smk"
    include: "privacy.smk"
    include: "policy.smk"
    include: "explore.smk"
    include: "figures.smk"


include: "score.smk"
include: "compare.smk"
include: "findings.smk"
include: "present.smk"
include: "targets.smk"
include: "run.smk"
