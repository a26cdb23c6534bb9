# What the data sets of a config say together, where the same images are searched by several systems.

_frozen = [name for name in experiment.datasets if experiment.is_frozen(name)]
_searched = {experiment.datasets[name].path for name in _frozen}
_systems = [experiment.datasets[name].system for name in _frozen]

if len(_searched) == 1 and 1 < len(_frozen) == len(set(_systems)):

    rule findings:
        input:
            scores=paths.of_each("{dataset}/scores.csv", _frozen),
            methods=paths.of_each("{dataset}/method_comparisons.csv", _frozen),
        output:
            systems="<results>/findings/systems.csv",
            orders="<results>/findings/orders.csv",
            markdown="<results>/findings/findings.md",
            png="<results>/findings/systems.png",
            svg="<results>/findings/systems.svg",
        log:
            "<logs>/findings.log",
        params:
            slice=stage_parameters.show(settings, "dpi", "confidence"),
            systems=_systems,
        script:
            "../scripts/findings.py"
