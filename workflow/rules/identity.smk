# Results are reconciled with what Snakemake knows of them. Included last: it looks at all rules.

import sys
import time
from pathlib import Path

from anonbench.datasets.doubts import said_of_run
from anonbench.core.io import cannot_be_written_to, make_private, writing_to
from anonbench.core.jobs.fingerprint import known_codes
from anonbench.workflow.lock import acquire_run_lock
from anonbench.workflow.code_snapshots import keep_codes
from anonbench.workflow.plan.costs import usual_seconds
from anonbench.workflow.reconcile import of_another_version, remember, reconcile
from anonbench.workflow.s3_metadata import Bucket
from snakemake_logger_plugin_anonbench.record import record_in

# What Snakemake knows of the results stays with them, and its lock goes where a run was killed: see
# anonbench.workflow.reconcile, anonbench.workflow.s3_metadata and anonbench.workflow.lock.
_own = Path(".snakemake")
_began = time.time_ns()
_bucket = None
if workflow.storage_settings.default_storage_provider == "s3":
    _provider = workflow.storage_registry.default_storage_provider
    _bucket = Bucket(_provider.s3c, storage_prefix + results)

if workflow.is_main_process:
    try:
        with writing_to(_own):
            _message = acquire_run_lock(_own, workflow.dryrun)
    except InputError as _error:
        raise WorkflowError(str(_error))
    if _message:
        logger.warning(_message)

if workflow.is_main_process and _bucket:
    try:
        if _removed := _bucket.reconcile(_own, unlock="--unlock" in sys.argv):
            logger.warning(f"{_removed} files of a run that was killed are removed")
    except InputError as _error:
        raise WorkflowError(str(_error))
elif workflow.is_main_process:
    _copied = [name for name, d in experiment.datasets.items() if d.copy_originals]
    for _message in (
        of_another_version(settings.results),
        cannot_be_written_to(settings.results),
        copies_message(settings.results, _copied),
    ):
        if _message:
            logger.warning(_message)
    try:
        _damaged = reconcile(
            settings.results,
            _own,
            lambda path: any(_rule.is_producer(path) for _rule in workflow.rules),
        )
    except InputError as _error:
        raise WorkflowError(str(_error))
    for _file in _damaged:
        logger.warning(
            f"{_file} is not what its job wrote: it is put aside and made again"
        )
    # where nothing is left to do no job says it, and --quiet all silences the logger
    for _message in said_of_run(settings.results, experiment.datasets):
        print(f"anonbench: the results so far: {_message}", file=sys.stderr)


onstart:
    if _bucket:
        try:
            _bucket.begin(_own)
        except InputError as _error:
            raise WorkflowError(str(_error))
    else:
        if _message := cannot_be_written_to(settings.results):
            raise WorkflowError(_message)
        make_private(settings.results)
        keep_codes(settings.results, known_codes())
    record_in(
        settings.results,
        usual_seconds(
            (_job.rule.name, str(_job.benchmark), list(map(str, _job.log)))
            for _job in workflow.dag.jobs
            if _job.benchmark
        ),
        lambda: said_of_run(settings.results, experiment.datasets),
    )


onsuccess:
    _bucket.remember(_own) if _bucket else remember(settings.results, _own, _began)


onerror:
    _bucket.remember(_own) if _bucket else remember(settings.results, _own, _began)
