"""Table `batm` as data: what the issue of weights asks to be compared, on sets with concepts."""

from biam.datasets.synthetic_concepts import CONCEPT_GROUPS
from biam.experiments.records import SEEDS
from biam.experiments.summary import KINDS, kind
from biam.experiments.tables.batm import TABLES

(TABLE,) = TABLES
SETS = {
    *("synthetic", "compas", "adult", "german-credit", "digits", "mnist"),
    *("airbnb-nyc", "california-housing"),
}


def test_every_set_is_there_clean_noisy_and_rare():
    found = {}
    for scenario in TABLE.scenarios:
        dataset, _, damage = scenario.name.partition("/")
        assert scenario.params["dataset"] == dataset
        found.setdefault(dataset, set()).add(damage)
    assert set(found) == SETS
    for dataset, damages in found.items():
        numbers = dataset in ("airbnb-nyc", "california-housing")
        rare = set() if numbers else {"imb10", "imb50"}
        assert damages == {"clean", "noise20", "noise40"} | rare


def test_weights_are_the_only_difference_between_batm_and_cat():
    batm, same, heavy = map(TABLE.method, ("BATM", "CAT+meta:1", "CAT+meta"))
    assert batm.run == same.run == heavy.run and "learner" not in batm.settings
    equal = {"weighting": "equal"}
    assert same.settings["learner"] == equal
    assert heavy.settings["learner"] == equal | {"meta_weight": 5.0}
    # Epochs are chosen alike, on meta rows.
    assert not any("stop" in method.settings for method in (batm, same, heavy))
    assert TABLE.method("CAT").settings["stop"] == "held-out"
    assert TABLE.method("CAT:test-stopped").settings["stop"] == "test"
    assert kind("CAT", TABLE.name) == "rival, fair" and kind("BATM", TABLE.name) == KINDS[0]
    assert kind("CAT:test-stopped", TABLE.name) == "rival as published"


def test_full_has_five_seeds_of_everything_and_holds_the_others():
    profiles = TABLE.profiles
    full = set(profiles["full"].cells)
    assert len(full) == len(TABLE.scenarios) * len(TABLE.methods) * len(SEEDS)
    assert set(profiles["smoke"].cells) <= set(profiles["quick"].cells) <= full
    # What the book recomputes must be what the stored run has.
    assert not any(profile.params or profile.settings for profile in profiles.values())
    assert all(cell.scenario.startswith("synthetic") for cell in profiles["smoke"].cells)


def test_planted_groups_are_the_generators():
    concepts = TABLE.scenario("synthetic/clean").settings["concepts"]
    assert tuple(map(tuple, concepts["groups"].values())) == CONCEPT_GROUPS


def test_quick_has_every_rival_on_every_set_and_rare_classes_where_there_are_classes():
    quick = TABLE.profiles["quick"].cells
    assert len(set(quick)) == len(quick)
    for dataset in SETS:
        noisy = {c.method for c in quick if c.scenario == f"{dataset}/noise40"}
        assert noisy == {m.name for m in TABLE.methods}
        damages = {c.scenario.partition("/")[2] for c in quick if c.scenario.startswith(dataset)}
        rare = dataset not in ("airbnb-nyc", "california-housing")
        assert "clean" in damages and bool(damages & {"imb10", "imb50"}) == rare
