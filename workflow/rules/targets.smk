# Targets by what they collect, by the paper's numbers (table_V, figure_7), by what is shown of which data
# set (table_retrieval_celeba_100, figure_trend_celeba_map_original) and by stage (celeba_boxes).

_targets = {
    "detection_quality": [
        paths.dataset_files("{dataset}/quality/summary.csv", paths.measured()),
        paths.dataset_files("{dataset}/quality/least_certain.csv"),
    ],
    "policy": [
        paths.dataset_files("{dataset}/policy.csv"),
        [paths.dataset_tables(name, ["policy"]) for name in experiment.datasets],
    ],
    "costs": rules.cost.output,
}
_optional = {"compare_paper": compared_files, "findings": found_files}
_targets |= {name: files for name, files in _optional.items() if files}
_targets |= paths.page_targets()
for _name in experiment.datasets:
    _targets |= {f"{_name}_{stage}": files for stage, files in paths.stage_targets(_name).items()}

_reasons = startup.unavailable_targets(started)
_targets |= {name: refused(name, reason) for name, reason in _reasons.items()}

for _target, _files in _targets.items():

    rule:
        name:
            _target
        input:
            _files,
