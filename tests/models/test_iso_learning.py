"""Resonators, rules and robots: closed forms, the world in Python, the protocol."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import Hz, Network, StateMonitor, ms, prefs

from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import preferences, run_preferences
from models.common.claim import failing
from models.common.standalone import standalone
from models.iso_learning.claims import CLAIMS
from models.iso_learning.experiment import run
from models.iso_learning.film import STRIDE, film
from models.iso_learning.foraging import CONDITIONS, Condition, robots
from models.iso_learning.model import TEACHERS, Circuit, resonator
from models.iso_learning.open_loop import pairing_curve
from models.iso_learning.settings import FULL, QUICK
from models.iso_learning.world import (
    TABLED,
    drive_by_equations,
    drive_in_python,
    noise_tables,
    place,
)

DT = 10 * ms
INPUTS = """
step = timestep(t, dt) : integer
x1 = int(step == 3) + 0.5*int(step == 20) : 1
x0 = int(step == 12) - 0.3*int(step == 30) : 1
cleared = 0 : 1
r = 0.25 : 1
"""


def published(x, f, quality=0.6):
    """Filter as icolearning.cpp does, frequencies per step, with its delay of two steps."""
    damping = np.pi * f / quality
    angle = np.sqrt((2 * np.pi * f) ** 2 - damping**2)
    i = np.zeros(len(x))
    for t in range(len(x)):
        before, long_before = (i[t - n] if t >= n else 0 for n in (1, 2))
        i[t] = x[t] + 2 * np.exp(-damping) * np.cos(angle) * before
        i[t] -= np.exp(-2 * damping) * long_before
    return np.r_[0, 0, i[:-2]]


def learned(rule, u, u0, mu, rho_0=1.0, r=0.25):
    """Learn step by step: the weight, and each step's mean of two correlations."""
    rho, before, v_before, u0_before = 0.0, 0.0, 0.0, 0.0
    for t in range(len(u)):
        v = rho_0 * u0[t] + rho * u[t]
        slope = {"ISO": v - v_before, "ICO": u0[t] - u0_before, "ISO3": r * (v - v_before)}[rule]
        correlation = u[t] * slope
        rho += mu * (correlation + before) / 2
        before, v_before, u0_before = correlation, v, u0[t]
    return rho


@pytest.fixture(scope="module")
def pulses():
    with preferences({"codegen.target": "numpy"}):  # of the tests that share it alone
        filters = [resonator(f * Hz, 0.6, DT, gain="published") for f in (1.0, np.array([2.0]))]
        circuit = Circuit(list(TEACHERS), INPUTS, *filters, rho_0=1, dt=DT)
        circuit.set_kernels("mu", 0.02)
        u = StateMonitor(circuit.bank, "u", record=[0], dt=DT, when="end")
        u0 = StateMonitor(circuit.neurons, "u0", record=[0], dt=DT, when="end")
        Network(*circuit.objects, u, u0).run(60 * DT)
        return u.u[0], u0.u0[0], circuit.synapses.get_kernel("rho").ravel()


def test_resonators_filter_as_the_published_code_but_for_its_delay(pulses):
    x0, x1 = np.zeros(62), np.zeros(62)
    x1[[3, 20]], x0[[12, 30]] = (1, 0.5), (1, -0.3)
    np.testing.assert_allclose(pulses[0], published(x1, 0.02)[2:], atol=1e-13)
    np.testing.assert_allclose(pulses[1], published(x0, 0.01)[2:], atol=1e-13)


@pytest.mark.parametrize("rule", TEACHERS)
def test_rules_equal_their_closed_form(pulses, rule):
    u, u0, rho = pulses
    expected = learned(rule, u, u0, 0.02)
    assert abs(expected) > 0.05
    assert rho[list(TEACHERS).index(rule)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("f", [1, 10])
def test_unity_gain_passes_a_constant_on(f):
    made = resonator(f * Hz, 0.6, DT, gain="unity")
    n = np.arange(1, 3000)
    damping, angle = float(made["damping"] * DT), float(made["turning"] * DT)
    response = made["gain"] * np.exp(-damping * n) * np.sin(angle * n)
    assert response.sum() == pytest.approx(1, rel=1e-12)


def test_the_pairing_curve_is_odd():
    prefs.codegen.target = "numpy"
    curve = pairing_curve(np.arange(-20, 20), FULL)
    np.testing.assert_allclose(curve, -curve[::-1], atol=1e-12)
    assert curve.max() == curve[36] == pytest.approx(0.00349, abs=1e-5)  # at 16 steps


def paths(names, steps, noise, in_python):
    conditions = [CONDITIONS[name] for name in names]
    circuit = robots(conditions, FULL, namespace=noise_tables(noise, FULL.dt))
    place(circuit.neurons, FULL, np.random.default_rng(1))
    parts = [*circuit.objects]
    if in_python:
        parts.append(drive_in_python(circuit.neurons, FULL, iter(noise)))
    else:
        drive_by_equations(circuit.neurons, FULL, TABLED)
    seen = StateMonitor(circuit.neurons, ["place_x", "place_y"], record=True, dt=FULL.dt)
    return circuit, Network(*parts, seen), seen, steps * FULL.dt


def some_noise(steps, n):
    random = np.random.default_rng(2)
    noise = random.random((steps, 3, n))
    noise[:, 0] = random.standard_normal((steps, n))
    return noise


def follow(made):
    circuit, network, seen, duration = made
    network.run(duration)
    return read(circuit, seen)


def read(circuit, seen):
    place = np.stack([seen.place_x / FULL.width, seen.place_y / FULL.width])
    return place, np.array(circuit.synapses.get_kernel("rho")), np.array(circuit.neurons.foods[:])


def test_the_world_in_equations_is_that_in_python():
    prefs.codegen.target = "numpy"
    names = ("ISO3", "ISO without delay", "ICO bank, slow", "fixed 0.5")
    noise = some_noise(400, len(names))
    python, equations = (follow(paths(names, 400, noise, by)) for by in (True, False))
    for found, expected in zip(equations, python, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-11)
    assert python[2].sum() > 0


@pytest.mark.slow
def test_standalone_drives_the_same_way_as_python_for_10_000_steps():
    steps, names = 10_000, ("ISO3", "ISO", "ICO bank, slow", "fixed 0.5")
    noise = some_noise(steps, len(names))
    with run_preferences(0, "float64"):
        with standalone() as build:
            circuit, network, seen, duration = paths(names, steps, noise, False)
            network.run(duration)
            build()
            compiled = read(circuit, seen)
        prefs.codegen.target = "numpy"
        python = follow(paths(names, steps, noise, True))
    apart = abs(compiled[0] - python[0]).max((0, 1))  # of the arena's width, at each step
    # neighbouring paths part, so that rounding grows
    assert apart[:5000].max() < 1e-9
    assert apart.max() < 1e-3
    np.testing.assert_array_equal(compiled[2], python[2])
    assert python[2].sum() > 10
    np.testing.assert_allclose(compiled[1], python[1], atol=1e-5)
    assert python[1][0, 0].max() > 0.001


def test_a_team_learns_from_the_sum_of_what_its_members_do():
    prefs.codegen.target = "numpy"
    noise = np.repeat(some_noise(300, 1), 3, axis=2)  # all do the same
    rho = []
    for team, mu in ((1, 3.0), (3, 1.0)):
        condition = Condition("ICO", mu, bank=True, rho=0.5)
        tables = noise_tables(noise, FULL.dt)
        circuit = robots([condition], FULL, team=team, namespace=tables)
        neurons = circuit.neurons
        neurons.food_x, neurons.food_y = FULL.width / 2, FULL.height / 2
        neurons.place_x, neurons.place_y = FULL.width / 4, FULL.height / 2 - 20 * DT * FULL.speed
        drive_by_equations(neurons, FULL, TABLED)
        Network(*circuit.objects).run(300 * FULL.dt)
        rho.append(circuit.synapses.get_kernel("rho").ravel())
    np.testing.assert_allclose(rho[1], rho[0], rtol=1e-9)
    assert abs(rho[0][:4]).max() > 1e-3


def test_the_film_shows_both_ends_of_a_life(tmp_path):
    random = np.random.default_rng(0)
    names = ["place_x", "place_y", "heading", "food_x", "food_y"]
    seen = random.random((50, len(names)))
    arrays = {"film variables": np.array(names), "film before": seen, "film after": seen}
    drawn = film({**arrays, "rho, ISO3": random.random((2, 4))}, replace(QUICK, shown=50))
    assert len(list(drawn.new_frame_seq())) == (50 - 1) // STRIDE
    save_picture(drawn, tmp_path / "film")
    assert (tmp_path / "film.gif").read_bytes()[:4] == b"GIF8"


@pytest.mark.slow
def test_quick_findings():
    with run_preferences(0, "float64"):
        found = run(QUICK, seed=0)
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
