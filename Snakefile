from snakemake.utils import min_version

min_version("9.0")


if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/manifest.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/anonymize.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/privacy.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/present.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/resources.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        rules.report.output,
        rules.tables.input,
        rules.figures.input,


include: "workflow/rules/bundle.smk"
include: "workflow/rules/identity.smk"
