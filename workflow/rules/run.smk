# What happens around a run: the plan is written, and the report is named at the end.

import atexit
import os

from anonbench.datasets.image_sets.doubts import doubts_of_run
from anonbench.workflow.plan_costs import usual_seconds
from anonbench.workflow.planned_jobs import PLAN, jobs_of, write_plan
from snakemake_logger_plugin_anonbench import begin_run

last_lines = []

if PLAN in os.environ and workflow.is_main_process:  # a dry run by anonbench plan
    atexit.register(write_plan, workflow, started, estimates)


onstart:
    jobs, most = jobs_of(workflow.dag), workflow.resource_settings
    try:
        store.begin(job.wildcards["dataset"] for job in jobs if job.stage == "manifest")
    except InputError as error:
        refuse(error)
    gpus = workflow.global_resources.get("gpu").value
    usual, at_once = usual_seconds(jobs, estimates, most.cores or most.nodes, gpus)
    made = settings.results.absolute()  # at the end, Snakemake has left --directory
    begin_run(
        settings.results,
        usual,
        lambda: [
            *(
                doubt
                for doubt in doubts_of_run(made, experiment.datasets)
                if doubt not in doubts_at_start
            ),
            *last_lines,
        ],
        [rule.name for rule in workflow.rules if not rule.script],
        at_once,
    )


onsuccess:
    _page = Path(rules.report.output[0])
    if any(job.rule.name == "report" for job in workflow.dag.jobs) and _page.is_file():
        last_lines.append(f"the report: {_page.absolute()}")
