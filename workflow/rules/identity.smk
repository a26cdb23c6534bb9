# Every job's parameters hold what its code is: an edit of a function that a script can reach makes
# its jobs run again, and an edit of anything else does not. Included last: it looks at all rules.

from pathlib import Path

from anonbench.lock import enter
from anonbench.settle import of_another_version, remember, settle

for _rule in workflow.rules:
    if _rule.script:
        _rule.set_params(
            code=code_of(
                Path(workflow.basedir, "workflow/rules", _rule.script).resolve()
            )
        )


# What Snakemake knows of the results stays with them, and its lock goes where a run was killed: see
# anonbench.settle and anonbench.lock.
_own = Path(".snakemake")

if workflow.is_main_process:
    for _message in (
        enter(_own, workflow.dryrun),
        of_another_version(settings.results),
    ):
        if _message:
            logger.warning(_message)
    for _file in settle(settings.results, _own):
        logger.warning(f"{_file} was changed by hand: it is put aside and made again")


onsuccess:
    remember(settings.results, _own)


onerror:
    remember(settings.results, _own)
