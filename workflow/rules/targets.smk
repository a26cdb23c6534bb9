# Targets by the paper's numbers (table_V, figure_7), by what is shown of which data set
# (table_retrieval_celeba_100, figure_trend_celeba_map_original) and by stage (celeba_boxes).

import sys

for _target, _reason in experiment.unavailable_targets().items():
    if _target in sys.argv[1:]:
        raise WorkflowError(f"{_target} cannot be made with this config: {_reason}.")


_own_targets = {
    f"{kind}_{each.stem}": each.stem
    for kind, made in (("table", experiment.tables), ("figure", experiment.figures))
    for each in made
}

_own_targets |= {
    f"table_{table}_{name}": f"{table}_{name}"
    for table in experiment.dataset_tables
    for name in experiment.datasets
}

for _target, _stem in (experiment.paper_targets() | _own_targets).items():

    rule:
        name:
            _target
        input:
            paper_files(_target, _stem),


for _name in experiment.datasets:
    for _stage, _files in stage_files(_name).items():

        rule:
            name:
                f"{_name}_{_stage}"
            input:
                _files,
