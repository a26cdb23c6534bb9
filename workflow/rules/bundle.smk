# Results from a bundle (docs/bundle.md): what it carries is made by no rule, nor is what needs an
# image. A rule that may not run is none to Snakemake, and its files are source files.

from anonbench.bundle.source import rules_left

if settings.bundle and workflow.is_main_process and workflow.dag_settings:
    try:
        _left = rules_left(
            settings.bundle,
            [(_rule.name, _rule.is_producer) for _rule in workflow.rules],
        )
    except InputError as error:
        raise WorkflowError(str(error))
    workflow.dag_settings.allowed_rules = _left | {
        _rule.name for _rule in workflow.rules if not _rule.script
    }
