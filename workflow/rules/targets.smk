# Targets by the paper's numbers (table_V, figure_7) and by data set and stage (celeba_boxes).

import sys

for _target, _reason in experiment.unavailable_targets().items():
    if _target in sys.argv[1:]:
        raise WorkflowError(f"{_target} cannot be made with this config: {_reason}.")


for _target, _stem in experiment.paper_targets().items():

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
