# All rules. A bundle (docs/how-to/bundle.md) has no images: it has only the rules that need none.

from snakemake.utils import min_version

min_version("9.22")  # 9.20 fails with our logger


if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "common.smk"


_foreign = len(list(workflow.rules))  # of a workflow that has this one as a module

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


# What no rule has to say: the environment of its jobs, and what makes them run again beside its settings.
for _rule in list(workflow.rules)[_foreign:]:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        _rule.set_params(code=code_of(Path(_rule.script).stem))
        if "made" in _rule.output.keys():
            _rule.set_params(run=files.last_run(_rule.output.made))
