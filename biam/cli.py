"""The `biam` command: tables, reproduce, report, verify, train.

Everything heavy is imported inside the commands, so that help and names come at once.
"""

import difflib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from biam.exceptions import BIAMError

if TYPE_CHECKING:
    from biam.experiments.runner import Outcome, Plan

__all__ = ["main"]

PROFILES = ("smoke", "quick", "full")
OUT_HELP = "Folder of the results."
HEADLINES = 12


class _Group(click.Group):
    """Errors of the package become one sentence and exit code 2; mistyped commands get a hint."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BIAMError as error:
            if ctx.meta.get("debug"):
                raise
            complaint = click.ClickException(str(error))
            complaint.exit_code = 2
            raise complaint from error
        except KeyboardInterrupt as error:
            raise click.ClickException(
                "stopped. Finished cells are kept: run the same command again to go on."
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self.commands)}."
            raise click.UsageError(f"unknown command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["debug"] = True


_debug = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_set_debug,
    help="Show the whole traceback of an error.",
)


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"biam {pkgutil.resolve_name('biam:__version__')}")
        ctx.exit()


class _ListsCommand(click.Command):
    """Lets an option of several values take them as one writes them: ``--seeds 42 7``.

    What follows such an option belongs to it up to the next option, or the next name of a table.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from biam.experiments.catalogue import TABLES

        lists = {o for p in self.params if getattr(p, "multiple", False) for o in p.opts}
        spread: list[str] = []
        option = None
        for word in args:
            if word.startswith("--"):
                option = word if word in lists else None
                spread += [] if option else [word]
            elif option and word not in TABLES:
                spread += [option, word]
            else:
                option = None
                spread.append(word)
        return super().parse_args(ctx, spread)


def _listed(kind: Callable[[str], Any]) -> Callable[..., tuple[Any, ...]]:
    """Callback for options that take several values: repeated, or separated by commas."""

    def split(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple:
        words = [word.strip() for value in values for word in value.split(",") if word.strip()]
        try:
            return tuple(kind(word) for word in words)
        except ValueError as error:
            raise click.BadParameter(f"expected whole numbers, got {values!r}.") from error

    return split


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@_debug
def main() -> None:
    """Interpretable models for tables with gaps, wrong labels and rare classes.

    \b
    Examples
      biam tables                              what can be reproduced
      biam reproduce published                 run a table again, to results/published.csv
      biam report                              published beside reproduced
      biam train --dataset breast-cancer       train one model and see how it does

    `biam COMMAND --help` says more, with examples.
    """


@main.command(short_help="List what can be reproduced, with source, cells and minutes.")
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@_debug
def tables(names: tuple[str, ...]) -> None:
    """List the tables that can be reproduced: title, source, cells and minutes.

    A cell is one scenario, method and seed. Minutes are for one core. With table names, their
    scenarios and methods are listed too.

    \b
    Examples
      biam tables
      biam tables published
    """
    from biam.experiments.catalogue import TABLES
    from biam.validation import check_choice

    for name in names or TABLES:
        table = TABLES[check_choice("table", name, TABLES)]
        click.echo(f"{table.name}: {table.title}")
        click.echo(f"  source     {table.source}")
        for profile, plan in table.profiles.items():
            click.echo(f"  {profile:<10} {len(plan.cells)} cells, {plan.minutes:g} minutes")
        if names:
            click.echo(f"  scenarios  {', '.join(s.name for s in table.scenarios)}")
            click.echo(f"  methods    {', '.join(m.name for m in table.methods)}")


@main.command(cls=_ListsCommand, short_help="Run tables again.")
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="quick",
    show_default=True,
    help="How much to run.",
)
@click.option("--scenarios", multiple=True, callback=_listed(str), help="Only these scenarios.")
@click.option("--methods", multiple=True, callback=_listed(str), help="Only these methods.")
@click.option(
    "--seeds", multiple=True, callback=_listed(int), help="These seeds, not the profile's."
)
@click.option(
    "--jobs",
    type=int,
    default=1,
    show_default=True,
    help="Processes of one thread each; -1 for one per core. Results do not depend on it.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Run the cells on a dask cluster.")
@click.option("--out", default="results", show_default=True, help=OUT_HELP)
@click.option("--fresh", is_flag=True, help="Compute again what is there already.")
@click.option("--keep-stale", is_flag=True, help="Accept cells made by other code or versions.")
@_debug
@click.pass_context
def reproduce(ctx: click.Context, names: tuple[str, ...], **options: Any) -> None:
    """Run tables again, all of them when none is named.

    \b
    Profiles
      smoke   a few cells, seconds, no data files: to see that it works
      quick   fewer seeds or epochs where a table is long (the default)
      full    as published

    Results go to OUT/TABLE.csv, one row per scenario, method, seed and metric. Each finished cell
    is a file below OUT/cells, so a run that is stopped goes on where it stood when the same command
    is given again. Cells are computed again when the code they use or the locked versions change.

    --scenarios, --methods and --seeds take several values: "--seeds 42 7", or "--seeds 42,7". What
    the run will cost is printed before it starts. A table whose data files are not here says which,
    and how to get them; the rest is run.

    \b
    Examples
      biam reproduce published --profile smoke
      biam reproduce e1 e2 --methods BIAM BIAM-B --seeds 42 7 --jobs 2
      biam reproduce --profile full --jobs 2 --out my-results

    The exit code is 1 when a cell failed; its traceback is in its file.
    """
    from biam.experiments.runner import reproduce as run

    outcomes = run(names, progress=True, announce=_print_plan, **options)
    for outcome in outcomes:
        _print_outcome(outcome, options["profile"], options["out"])
    if any(outcome.failed for outcome in outcomes):
        ctx.exit(1)


def _print_plan(plan: "Plan") -> None:
    """Cost of a run, before it starts."""
    if plan.wanted:
        time = f"{plan.minutes:.0f} minutes" if plan.minutes >= 1.5 else "a minute"
        done = f", {plan.cells - plan.wanted} are there already" if plan.wanted < plan.cells else ""
        click.echo(f"{plan.wanted} cells to compute{done}: about {time}.", err=True)


def _print_outcome(outcome: "Outcome", profile: str, out: str) -> None:
    """What happened to a table, its headline numbers, and how many published ones are met."""
    from biam.experiments.catalogue import TABLES
    from biam.experiments.report import load_results, report

    absent = len(outcome.absent)
    click.echo(
        f"{outcome.table} ({profile}): {outcome.computed - absent} cells computed, "
        f"{outcome.reused} read, {len(outcome.failed)} failed"
        f"{f', {absent} without their data' if absent else ''}; {outcome.csv}"
    )
    results = load_results(out, outcome.table)
    headline = results[results["metric"].isin(TABLES[outcome.table].headline)]
    means = headline.groupby(["scenario", "method", "metric"], sort=False)["value"].mean()
    for (scenario, method, metric), value in means.iloc[:HEADLINES].items():
        click.echo(f"  {scenario}  {method}  {metric} = {value:.4g}")
    if len(means) > HEADLINES:
        click.echo(f"  ... and {len(means) - HEADLINES} more in the csv")
    judged = report(out, [outcome.table])
    judged = judged[judged["verdict"].isin(["met", "better", "not met"])]
    for source, rows in judged.groupby("source", sort=False):
        met = rows["verdict"].isin(["met", "better"]).sum()
        click.echo(f"  {met} of {len(rows)} numbers of the {source} met")
    for line in dict.fromkeys(line for _, line in outcome.absent):
        n = sum(line == other for _, other in outcome.absent)
        click.echo(f"  {n} cells not run: {line}", err=True)
    for cell, line in outcome.failed:
        click.echo(f"  failed {cell}: {line} (traceback below {out}/cells)", err=True)


@main.command(short_help="Print published beside reproduced numbers.")
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option("--out", default="results", show_default=True, help=OUT_HELP)
@_debug
def report(names: tuple[str, ...], out: str) -> None:
    """Print stated beside reproduced numbers as a markdown table, a verdict each.

    "met" means within the band (for printed numbers: equal to all digits), "better" outside it on
    the good side, "missing" that there is no result yet, "no band" that the number cannot be asked
    for. "chaotic" marks cells where float32 and float64 end in different models.

    \b
    Examples
      biam report
      biam report published --out my-results > report.md
    """
    from biam.exceptions import InvalidInputError
    from biam.experiments.report import markdown
    from biam.experiments.report import report as compare

    rows = compare(out, names)
    if not Path(out).is_dir():
        raise InvalidInputError(f"no results in {out!r}: run `biam reproduce --out {out}` first.")
    click.echo(markdown(rows))


@main.command(short_help="Exit with 1 where a published number is not met.")
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option("--out", default="results", show_default=True, help=OUT_HELP)
@_debug
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], out: str) -> None:
    """Check every stated number; exit code 1 where one left its band.

    Without names the tables that have results are checked. With names a number without a result
    fails too. Claims that are known not to hold are listed and do not count, unless they come true.

    \b
    Examples
      biam verify
      biam reproduce published --profile full && biam verify published
    """
    from biam.experiments.report import report as compare
    from biam.experiments.report import verify as failing

    rows, bad = compare(out, names), failing(out, names)
    there = (
        rows
        if names or (rows["verdict"] == "missing").all()
        else rows[rows["verdict"] != "missing"]
    )
    for row in there.itertuples():
        got = "nothing" if row.verdict == "missing" else f"{row.reproduced:.6g}"
        known = " (known)" if row.verdict == "not met" and row.known == "fails" else ""
        click.echo(
            f"{row.verdict:<8} {row.table}/{row.scenario}/{row.method}/{row.seed} {row.metric}: "
            f"{row.source} {row.paper:g}, got {got}{known}"
        )
    judged = (there["verdict"] != "no band").sum()
    click.echo(f"{judged - len(bad)} of {judged} stated numbers are as they should be.")
    if len(bad):
        ctx.exit(1)


@main.command(short_help="Train one model on one data set.")
@click.option(
    "--model", type=click.Choice(["biam", "batm"]), default="biam", show_default=True, help="Which."
)
@click.option("--config", metavar="FILE", help="YAML file of settings; the options given win.")
@click.option("--task", type=click.Choice(["regression", "classification"]), help="Of the data.")
@click.option("--dataset", default="synthetic", show_default=True, help="Name of a data set.")
@click.option("--missing-ratio", type=float, default=0.0, help="Share of values to hide.")
@click.option("--noise-ratio", type=float, default=0.0, help="Share of training labels to spoil.")
@click.option("--imbalance-ratio", type=float, help="Rarest : most common class in training.")
@click.option("--solver", default="exact", show_default=True, help="exact (BIAM-X) or published.")
@click.option("--variant", default="BIAM", show_default=True, help="Of the published solver.")
@click.option("--upper-lr", type=float, help="Step size of the weights.  [default: the solver's]")
@click.option("--lower-lr", type=float, default=0.05, show_default=True, help="Of the model.")
@click.option("--epochs", type=int, default=100, show_default=True, help="Passes, or upper steps.")
@click.option("--batch-size", type=int, default=64, show_default=True, help="Rows per step.")
@click.option("--n-meta", type=int, help="Clean rows set aside.  [default: 5 %, at most 300]")
@click.option("--seed", type=int, default=42, show_default=True, help="Of data and model.")
@click.option("--out", help="Folder for model.biam and metrics.json; none is written without it.")
@_debug
@click.pass_context
def train(ctx: click.Context, model: str, config: str | None, out: str | None, **_: Any) -> None:
    """Train one model and print how it does beside a constant prediction.

    A fifth of the rows is kept for the test, or the official test part where there is one. The
    other rows give a few clean meta rows and the training rows. Only training labels are spoiled;
    gaps are made in all rows, as in the paper. Ratios are between 0 and 1: 30 % is 0.3.

    Data sets: synthetic, and without any file breast-cancer, diabetes, digits, iris, wine. The
    others (adult, german-credit, give-me-some-credit, heloc, taiwan-default) are read from the
    folder BIAM_DATA_HOME, or fetched where that is possible.

    \b
    Examples
      biam train --task regression --missing-ratio 0.2 --noise-ratio 0.1
      biam train --dataset breast-cancer --imbalance-ratio 0.1 --noise-ratio 0.3 --out my-model
      biam train --solver published --variant BIAM2 --epochs 50
      biam train --model batm --config my.yaml --dataset compas

    The model is read again with `biam.load("my-model/model.biam")`, that of BATM with
    `biam.batm.load`. Its settings are in biam/experiments/configs/batm.yaml: copy, and change.
    """
    from biam.experiments.configuration import arrange
    from biam.experiments.store import prepare_folder
    from biam.experiments.training import Damage, save, summary
    from biam.experiments.training import train as fit

    if out is not None:
        prepare_folder(Path(out))
    defaults = {n: v for n, v in ctx.params.items() if n not in ("model", "config", "out")}
    typed = {n for n in defaults if ctx.get_parameter_source(n) is ParameterSource.COMMANDLINE}
    run, options = arrange(model, config, {n: defaults[n] for n in typed}, defaults)
    damage = Damage(*(run.pop(f"{kind}_ratio") for kind in ("missing", "noise", "imbalance")))
    trained = fit(damage=damage, options=options, model=model, **run)
    click.echo(summary(trained))
    if out is not None:
        for path in save(trained, out):
            click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
