"""Detectors equal river's; ADWIN keeps its promise; bad values are named."""

import numpy as np
import pytest
from river import drift as river_drift
from river._river_rust.drift import AdaptiveWindowing

from recsys_book.meta_learning import drift


def stream(seed, n=2500):
    """Jumps between up to five levels: 0/1, uniform, normal, or a slope."""
    g = np.random.default_rng(seed)
    cuts = np.sort(g.integers(200, n, g.integers(1, 5)))
    level = g.random(len(cuts) + 1)[np.searchsorted(cuts, np.arange(n), side="right")]
    return (
        (g.random(n) < level).astype(float),
        level + 0.2 * g.normal(size=n),
        5 * level + g.normal(size=n),
        np.clip(level + np.linspace(0, 0.5, n) + 0.3 * g.normal(size=n), 0, 2),
    )[seed % 4]


def of_river(detector, values):
    found = []
    for t, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(t)
    return found


@pytest.mark.parametrize("delta", [0.5, 0.05, 0.002, 1e-6])
def test_adwin_has_the_change_points_of_river(delta):
    total = 0
    for seed in range(20):
        values = stream(seed)
        expected = of_river(river_drift.ADWIN(delta=delta), values)
        assert drift.find_alarms(drift.ADWIN(delta=delta), values).tolist() == expected
        total += len(expected)
    assert total > 30


@pytest.mark.parametrize(
    "options",
    [
        {"clock": 1},
        {"max_buckets": 3, "min_window_length": 2, "clock": 7},
        {"min_window_length": 20, "grace_period": 100, "clock": 16},
    ],
)
def test_other_settings_and_the_kept_window_are_those_of_river(options):
    settings = {"clock": 32, "max_buckets": 5, "min_window_length": 5, "grace_period": 10}
    for seed in range(4):
        values = stream(seed, 1200)
        expected = of_river(river_drift.ADWIN(delta=0.01, **options), values)
        assert drift.find_alarms(drift.ADWIN(0.01, **options), values).tolist() == expected
        core = AdaptiveWindowing(delta=0.01, **{**settings, **options})
        ours = drift.ADWIN(0.01, keep_window=True, **options)
        for value in values.tolist():
            assert core.update(value) == ours.update(value)
            assert core.get_width() == ours.width
            assert core.get_total() == pytest.approx(ours.total, abs=1e-9)
            assert core.get_variance() == pytest.approx(ours.variance * ours.width, abs=1e-6)


@pytest.mark.equation("eq-adwin-cut")
def test_cut_is_the_formula_and_bounds_chance():
    assert drift.bernstein_cut(0.1, 0.25, 3.0) == pytest.approx(np.sqrt(2 * 0.1 * 0.25 * 3.0) + 0.2)
    # One cut, many repetitions: the difference of two means exceeds the threshold at most δ' often.
    g, n0, n1, delta = np.random.default_rng(0), 60, 20, 0.2
    values = g.random((20_000, n0 + n1)) < 0.3
    gap = np.abs(values[:, :n0].mean(axis=1) - values[:, n0:].mean(axis=1))
    epsilon = drift.bernstein_cut(1 / n0 + 1 / n1, 0.21, np.log(2 / delta))
    assert 0 < np.mean(gap > epsilon) <= delta
    hoeffding = drift.hoeffding_cut(n0, n1, delta)
    assert 0 < np.mean(gap > hoeffding) <= delta
    # For rare events the variance makes Bernstein's threshold the smaller one.
    assert drift.bernstein_cut(0.01, 0.001, 3.0) < np.sqrt(0.01 * 3.0 / 2)


@pytest.mark.parametrize("delta", [0.6, 0.3, 0.05])
@pytest.mark.parametrize("kind", ["even", "rare", "uniform"])
def test_false_alarms_a_check_are_at_most_delta(kind, delta):
    found = 0
    for seed in range(40):
        g = np.random.default_rng(seed)
        u = g.random(640)
        values = {"even": u < 0.5, "rare": u < 0.1, "uniform": u}[kind].astype(float)
        found += len(drift.find_alarms(drift.ADWIN(delta), values))
    assert found / (40 * 640 // 32) <= delta


def test_alarm_dates_the_change_and_its_direction():
    ages = []
    for seed in range(10):
        g = np.random.default_rng(seed)
        detector = drift.ADWIN(0.05, clock=4)
        for t in range(1300):
            up = seed % 2 == 0
            level = (0.3 if up else 0.7) if t < 1000 else (0.7 if up else 0.3)
            if detector.update(g.random() < level):
                break
        assert t >= 1000 and detector.rose == up and detector.n_alarms == 1
        assert detector.kept > 2 * (t - 999)
        ages.append(abs(detector.since - (t - 999)))
    assert np.median(ages) <= 20


def test_of_many_significant_cuts_the_clearest_dates_the_change():
    for seed in range(3):
        g = np.random.default_rng(seed)
        values = g.random(1152) < np.where(np.arange(1152) < 1024, 0.1, 0.9)
        detector = drift.ADWIN(0.05, clock=128)
        assert drift.find_alarms(detector, values.astype(float)).tolist() == [1151]
        assert abs(detector.since - 128) <= 32


def test_memory_grows_with_the_logarithm_of_the_window():
    detector = drift.ADWIN()
    assert detector.mean == detector.variance == 0
    sizes = []
    for t in range(4096):
        detector.update(0.5)
        if t + 1 in (256, 4096):
            sizes.append(detector.n_buckets)
    assert detector.width == 4096 and detector.mean == 0.5
    assert sizes[1] - sizes[0] <= 4 * 6 and sizes[1] < 70


def test_no_window_is_too_short():
    detector = drift.ADWIN(0.9, clock=1, min_window_length=1, grace_period=0, keep_window=True)
    assert drift.find_alarms(detector, [0.0, 100.0] * 50).size >= 0
    assert detector.width >= 1


@pytest.mark.equation("eq-page-hinkley")
@pytest.mark.parametrize("options", [{}, {"mode": "up"}, {"mode": "down"}, {"threshold": 4.0}])
def test_page_hinkley_is_that_of_river(options):
    settings = {"threshold": 10.0, **options}
    total = 0
    for seed in range(20):
        values = stream(seed, 1500)
        expected = of_river(river_drift.PageHinkley(**settings), values)
        assert drift.find_alarms(drift.PageHinkley(**settings), values).tolist() == expected
        total += len(expected)
    assert total > 10


@pytest.mark.equation("eq-page-hinkley")
def test_page_hinkley_climbs_by_the_rise_less_the_slack():
    detector = drift.PageHinkley(slack=0.1, threshold=1e9, alpha=1.0)
    for _ in range(10_000):
        detector.update(0.0)
    assert detector.rise == 0
    for _ in range(10):
        detector.update(1.0)
    assert detector.rise == pytest.approx(10 * (1 - 0.1), rel=0.01)


@pytest.mark.equation("eq-ddm")
@pytest.mark.parametrize("name", ["DDM", "EDDM"])
def test_mistake_detectors_are_those_of_river(name):
    ours_class, theirs_class = getattr(drift, name), getattr(river_drift.binary, name)
    total = warned = 0
    for seed in range(20):
        g = np.random.default_rng(seed)
        rate = g.uniform(0, 0.5, 4)[np.arange(2000) // 500]
        ours, theirs = ours_class(), theirs_class()
        for value in (g.random(2000) < rate).astype(int).tolist():
            theirs.update(value)
            assert ours.update(value) == theirs.drift_detected
            if not theirs.drift_detected:
                assert ours.warning == theirs.warning_detected
            total += theirs.drift_detected
            warned += ours.warning
    assert total > 10 and warned > 10


@pytest.mark.equation("eq-ddm")
def test_ddm_sounds_at_three_standard_errors():
    detector = drift.DDM(warm_start=0)
    for value in [1] + [0] * 99:  # best at the end: p = 0.01
        detector.update(value)
    best = 0.01 + np.sqrt(0.01 * 0.99 / 100)
    n = errors = 0
    while not detector.update(1):
        errors += 1
    n, p = 101 + errors, (2 + errors) / (101 + errors)
    limit = 0.01 + 3 * (best - 0.01)
    assert p + np.sqrt(p * (1 - p) / n) > limit
    p, n = (1 + errors) / (100 + errors), 100 + errors
    assert p + np.sqrt(p * (1 - p) / n) <= limit


def test_kswin_is_that_of_river():
    values = stream(1, 900)
    expected = of_river(river_drift.KSWIN(seed=3), values)
    assert expected and drift.find_alarms(drift.KSWIN(seed=3), values).tolist() == expected


def test_alarms_are_judged_by_the_changes():
    report = drift.judge_alarms([50, 110, 130, 205, 390], [100, 200, 300], 50)
    assert report.false_alarms == 3 and report.missed == 1
    assert report.delays.tolist() == [10, 5]
    assert drift.judge_alarms([], [100], 5).missed == 1
    # An alarm after the next change belongs to the next change.
    assert drift.judge_alarms([210], [100, 200], 500).delays.tolist() == [10]
    with pytest.raises(ValueError, match="patience is 0"):
        drift.judge_alarms([], [], 0)


@pytest.mark.parametrize(
    "detector", [drift.ADWIN(), drift.PageHinkley(), drift.DDM(), drift.EDDM(), drift.KSWIN()]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_named_and_changes_nothing(detector, value):
    before = detector.n_seen
    with pytest.raises(ValueError, match=f"{type(detector).__name__} read .* at position {before}"):
        detector.update(value)
    assert detector.n_seen == before
    detector.update(1)


@pytest.mark.parametrize("detector", [drift.DDM(), drift.EDDM()])
def test_mistakes_are_zero_or_one(detector):
    with pytest.raises(ValueError, match="read 0.5 at position 0; it counts mistakes"):
        detector.update(0.5)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: drift.ADWIN(delta=0), "delta is 0"),
        (lambda: drift.ADWIN(delta=1.0), "delta is 1.0"),
        (lambda: drift.ADWIN(delta=float("nan")), "delta is nan"),
        (lambda: drift.ADWIN(clock=0), "clock is 0"),
        (lambda: drift.ADWIN(max_buckets=0), "max_buckets is 0"),
        (lambda: drift.ADWIN(min_window_length=0), "min_window_length is 0"),
        (lambda: drift.PageHinkley(mode="sideways"), "mode is 'sideways'"),
        (lambda: drift.PageHinkley(threshold=0), "threshold is 0"),
        (lambda: drift.DDM(warning_threshold=4), "warning_threshold is 4"),
        (lambda: drift.EDDM(alpha=0.5), "alpha is 0.5 and beta 0.9"),
        (lambda: drift.KSWIN(alpha=1), "alpha is 1"),
        (lambda: drift.KSWIN(stat_size=60), "stat_size is 60"),
    ],
)
def test_bad_settings_are_one_sentence(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
