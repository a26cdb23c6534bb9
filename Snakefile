# As workflow/Snakefile: an included file cannot set the default target.
include: "workflow/rules/every.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
        rules.tables.input,
        rules.figures.input,
