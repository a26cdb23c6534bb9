# What Snakemake knows of results is kept with them.

from functools import partial

from anonbench.core.jobs.run_scratch import share_scratch
from anonbench.datasets.image_sets.doubts import doubts_of_run
from anonbench.workflow.plan.costs import usual_seconds
from anonbench.workflow.snakemake_adapter.metadata import keep_metadata_in, metadata_store
from snakemake_logger_plugin_anonbench import begin_run

store = metadata_store(workflow, results, storage_prefix)
keep_metadata_in(store, workflow, partial(startup.check_targets, started))
last_lines = []


onstart:
    if any(estimates.recipe(d).scratch for d in experiment.trained):
        share_scratch()
    try:
        store.begin()
    except InputError as error:
        refuse(error)
    begin_run(
        settings.results,
        usual_seconds(workflow.dag.jobs, estimates),
        lambda: [*doubts_of_run(settings.results, experiment.datasets), *last_lines],
    )


onsuccess:
    _page = Path(rules.report.output[0])
    # of all jobs: Snakemake's persistence lists the outputs of those only that have not run
    if any(job.rule.name == "report" for job in workflow.dag.jobs) and _page.is_file():
        last_lines.append(f"the report: {_page.absolute()}")
