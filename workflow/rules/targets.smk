# Targets by the paper's numbers (table_V, figure_7), by what is shown of which data set
# (table_retrieval_celeba_100, figure_trend_celeba_map_original) and by stage (celeba_boxes).

_targets = paths.page_targets() | {
    f"{name}_{stage}": files
    for name in experiment.datasets
    for stage, files in paths.stage_targets(name).items()
}

for _target, _files in _targets.items():

    rule:
        name:
            _target
        input:
            _files,
