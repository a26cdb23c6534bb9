# Results from a bundle (docs/how-to/bundle.md): what it carries is made by no rule, nor is what needs an
# image. Included after all rules: those that may not run are taken away, and what they would make
# are source files then. Snakemake's own way, --allowed-rules, is not open to a Snakefile.

from anonbench.bundle.source import rules_left

every_rule = list(workflow.rules)

if settings.bundle and workflow.is_main_process:
    try:
        _left = rules_left(
            settings.bundle, [(_rule.name, _rule.is_producer) for _rule in every_rule]
        )
    except InputError as error:
        raise WorkflowError(str(error))
    for _rule in every_rule:
        if _rule.script and _rule.name not in _left:
            del workflow._rules[_rule.name]
