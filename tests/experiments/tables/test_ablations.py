"""Each ablation stands beside what it is compared with, in the same scenario."""

from biam.experiments.tables.ablations import TABLES

(TABLE,) = TABLES


def methods_by_scenario():
    cells = TABLE.profiles["full"].cells
    return {s.name: {c.method for c in cells if c.scenario == s.name} for s in TABLE.scenarios}


def test_a_changed_method_stands_beside_its_base():
    for methods in methods_by_scenario().values():
        for name in methods:
            base, _, change = name.partition(":")
            if base in ("BIAM", "BIAM-X") and change not in ("", "shift"):
                assert base in methods


def test_what_the_protocol_lists_is_there():
    by = methods_by_scenario()
    assert {"BIAM:shift", "BIAM-H:shift"} <= by["domain_shift"]
    for scenario in ("outlier30", "int_clean"):
        assert {"BIAM2:gates=robust", "BIAM2:gates=discovery"} <= by[scenario]
    sizes = {name for name in by if "/meta" in name}
    assert sizes == {f"outlier30/meta{n}" for n in (5, 10, 20, 40, 80, 160, 240)}
    assert sum("/wrong" in name for name in by) == 3
    for name in by:
        if "/" in name:
            assert by[name] == {"BIAM", "BIAM-X", "meta-only"}


def test_a_changed_method_changes_one_setting():
    plain = dict(TABLE.method("BIAM").settings)
    for method in TABLE.methods:
        if method.name.startswith("BIAM:") and not method.name.endswith("shift"):
            changed = {k for k in method.settings if method.settings[k] != plain.get(k)}
            assert len(changed) == 1
