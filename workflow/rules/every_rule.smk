# What every rule with a script has, once for all: its environment, its log and benchmark, memory and
# time, and the digest of its code, which makes its jobs run again. After all rules.

from anonbench.workflow.snakemake_adapter import name_log, own_rules, set_code, set_resources

every_rule = own_rules(workflow, globals())


for _rule in every_rule:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        set_resources(workflow, _rule, {"mem_mb": 2000, "runtime": 20})
        set_code(_rule, Path(workflow.source_path(_rule.script)))
        # what counts the others' benchmarks has none
        name_log(_rule, benchmarked=_rule is not rules.cost.rule)
