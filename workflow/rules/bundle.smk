# Results from a bundle (docs/how-to/bundle.md): what it carries is made by no rule, nor is what needs an
# image. Included after all rules, those that may not run are taken away.

from anonbench.bundle.source import remaining_rules
from anonbench.workflow.snakemake_adapter.rules import own_rules, remove_rules

if settings.bundle and workflow.is_main_process:
    every_rule = own_rules(workflow, globals())
    try:
        _left = remaining_rules(
            settings.bundle, [(_rule.name, _rule.is_producer) for _rule in every_rule]
        )
    except InputError as error:
        refuse(error)
    remove_rules(workflow, [r.name for r in every_rule if r.script and r.name not in _left])
