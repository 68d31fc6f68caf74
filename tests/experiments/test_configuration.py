"""Settings from a file and the command line."""

import pytest

from biam.batm import BATMRegressor
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.configuration import DEFAULTS, RUN, arrange, read_config

COMMAND = dict.fromkeys(RUN) | {
    "dataset": "synthetic",
    "seed": 42,
    "epochs": 100,
    "solver": "exact",
}


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_command_line_wins_over_the_file_and_the_file_over_defaults(tmp_path):
    path = written(tmp_path / "my.yaml", "epochs: 7\nn-ranks: 3\nseed: 5\ndataset: digits\n")
    run, options = arrange("batm", path, {"seed": 9, "lower_lr": 0.2}, COMMAND)
    assert (run["seed"], run["dataset"], run["task"]) == (9, "digits", None)
    # The command line's own default of a parameter is the other model's.
    assert options == {"epochs": 7, "n_ranks": 3, "lower_lr": 0.2}


def test_without_a_file_the_first_model_has_the_defaults_of_the_command_line():
    run, options = arrange("biam", None, {"epochs": 3}, COMMAND)
    assert options == {"epochs": 3, "solver": "exact"} and run["seed"] == 42


def test_the_default_file_names_parameters_at_their_defaults():
    settings, own = read_config(DEFAULTS["batm"]), BATMRegressor().get_params()
    assert settings and settings.items() <= {**own, "hidden": list(own["hidden"])}.items()


@pytest.mark.parametrize(
    ("text", "words"), [("- a\n- b\n", "name: value"), ("a: [1\n", "no YAML"), ("1: 2", "name")]
)
def test_files_that_hold_no_settings(tmp_path, text, words):
    with pytest.raises(InvalidInputError, match=words):
        read_config(written(tmp_path / "c.yaml", text))


def test_absent_and_empty_files(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot read"):
        read_config(tmp_path / "none.yaml")
    assert read_config(written(tmp_path / "empty.yaml", "# nothing\n")) == {}


def test_a_file_of_another_model_is_refused(tmp_path):
    path = written(tmp_path / "c.yaml", "model: batm\n")
    assert arrange("batm", path, {}, COMMAND)[1] == {}
    with pytest.raises(UnknownNameError, match="model of the config"):
        arrange("biam", path, {}, COMMAND)
