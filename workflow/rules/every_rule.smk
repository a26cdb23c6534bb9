# What every rule with a script has, once for all: its environment, its log and benchmark, what its jobs
# ask for (anonbench.config.job_resources, by the script's name), and the digest of its code, which makes
# its jobs run again. After all rules.

from anonbench.config.job_resources import job_resources
from anonbench.workflow.snakemake_adapter import name_log, own_rules, set_code, set_resources

every_rule = own_rules(workflow, globals())
_asked = job_resources(estimates)

for _rule in every_rule:
    if _rule.script:
        _rule.conda_env = "../../envs/anonbench.yaml"
        _script = Path(_rule.script).stem
        set_resources(workflow, _rule, {"mem_mb": 2000, "runtime": 20} | _asked.get(_script, {}))
        set_code(_rule, Path(workflow.source_path(_rule.script)))
        # what counts the others' benchmarks has none
        name_log(_rule, benchmarked=_rule is not rules.cost.rule)
