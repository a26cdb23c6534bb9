from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from itertools import product

    from anonbench.core.io import write_csv, write_text
    from anonbench.core.provenance import versions
    from anonbench.datasets.image_sets.doubts import images_by_split
    from anonbench.evaluation.comparisons.best import read_method_comparisons
    from anonbench.evaluation.correlation import read_correlations
    from anonbench.evaluation.map_judging import read_maps
    from anonbench.evaluation.policy.table import read_policy
    from anonbench.evaluation.scores import read_scores
    from anonbench.reporting import answers
    from anonbench.reporting.figures import findings
    from anonbench.reporting.grid import to_markdown
    from anonbench.reporting.results_file import results_of, write_results

    given, made, asked = snakemake.input, snakemake.output, snakemake.params
    shown, systems = asked.shown, asked.systems

    def read(reader, files, names=systems):
        return {name: reader(path) for name, path in zip(names, files, strict=True)}

    scores, policies = read(read_scores, given.scores), read(read_policy, given.policies)
    values = answers.values_of(scores)
    level = 1 - shown["confidence"]
    orders = answers.orders_of(values, read(read_method_comparisons, given.methods), level)
    grids = answers.values_grid(values), answers.orders_grid(orders)
    write_text(made.markdown, "\n".join(map(to_markdown, grids)))
    price = answers.price_of(scores, policies)
    way_back = answers.way_back_of(read(read_maps, given.maps, asked.mapped))
    places = list(product(systems, asked.degrees))
    predictors = answers.predictors_of(read(read_correlations, given.correlations, places))
    degrees = answers.degrees_of(scores)
    means = answers.answers_of(price, orders, way_back, predictors, degrees, shown["confidence"])
    for name, table in (
        ("systems", values),
        ("orders", orders),
        ("price", price),
        ("way_back", way_back),
        ("degrees", degrees),
        ("predictors", predictors),
        ("answers", means),
    ):
        write_csv(table, made[name])

    for first, (draw, table) in enumerate(
        (
            (findings.order_figure, {"": values}),
            (findings.way_back_figure, {"": way_back}),
            (findings.degree_figure, {"": means}),
            (findings.predictor_figure, {"": predictors}),
            (findings.price_figure, price),
        )
    ):
        draw(table, made.figures[2 * first : 2 * first + 2], shown["dpi"])

    for path, counted, (system, about) in zip(
        made.results, given.counts, systems.items(), strict=True
    ):
        whole = {"anonbench": versions()["anonbench"], "system": system, **about}
        whole |= {"images": images_by_split(counted)["val"], "confidence": shown["confidence"]}
        whole["detectors"] = tuple(about["detectors"])
        write_results(results_of(whole, asked.parameters, scores[system], policies[system]), path)
