"""Random lives of networks: what only looks at them, ends and resumes changes no bit.

Two networks live the same life. One of them is looked at in between, and is now and then thrown
away and resumed from a checkpoint.
"""

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from brian2 import ms, prefs
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lives_cases import IMAGES, KINDS, LABELS, User, resume_in_this_process, resumed
from networks_cases import Stop

from hebbsim import decode, to_torch
from hebbsim.bridge.weights import save_weights
from hebbsim.networks.checkpoint import load_checkpoint
from hebbsim.networks.interruption import StoppedError

SCHEDULES = st.fixed_dictionaries(
    {"epochs": st.sampled_from([1, 1, 2]), "burn_in": st.sampled_from([0, 0, 0, 1, 2, 3])}
)


class Lives(RuleBasedStateMachine):
    """Two networks: `plain` does what changes it, `looked` is looked at and resumed besides."""

    @initialize(kind=st.sampled_from(sorted(KINDS)), codegen=st.sampled_from(["numpy", "auto"]))
    def build(self, kind, codegen):
        self.kind, self.target = kind, codegen
        prefs.codegen.target = codegen
        self.looked, self.plain = KINDS[kind](), KINDS[kind]()
        self.dt, self.stored, self.resumed = 1.0, False, False
        self.folder = tempfile.TemporaryDirectory()
        self.user = User()
        self.user.seed(0)

    @property
    def both(self):
        return self.looked, self.plain

    @property
    def reward(self):
        return {"labels": LABELS} if self.kind == "spiking" else {}

    # --- what changes a network -------------------------------------------------------------

    @rule(schedule=SCHEDULES)
    def fit(self, schedule):
        for network in self.both:
            network.fit(IMAGES, progress=False, **schedule, **self.reward)

    @rule(schedule=SCHEDULES, batch=st.integers(1, 6))
    def stop_and_resume(self, schedule, batch):
        """Resume a stopped fit in a new network, or a finished one, which has nothing left."""
        path = Path(self.folder.name) / "state.npz"
        given = {"checkpoint": path, "overwrite": True, "progress": False, **self.reward}
        try:
            self.looked.fit(IMAGES, augment=Stop(self.looked, batch), **schedule, **given)
        except StoppedError:
            self.resumed = True
        self.looked = self.go_on(path, **schedule, **self.reward)
        self.plain.fit(IMAGES, progress=False, **schedule, **self.reward)
        self.stored = False

    def go_on(self, path, **given):
        return resumed(self.kind, self.dt, path, **given)

    @rule(number=st.integers(0, 3))
    def set_values(self, number):
        for network in self.both:
            stage = network.stages[0]
            stage.conv.set_kernel("w", np.cos(stage.conv.get_kernel("w") + number) ** 2)
            if self.kind == "rate":
                network.brian2["threshold1"].theta = 0.1 * number
            else:
                stage.feature_map.I = 0.3 * number

    @rule()
    def change_time_step(self):
        self.dt = max(self.dt / 2, 0.25)
        for network in self.both:
            network.clock.dt = self.dt * ms

    @rule()
    def store(self):
        for network in self.both:
            network.brian2.store()
        self.stored = True

    @precondition(lambda self: self.stored)
    @rule()
    def restore(self):
        for network in self.both:
            network.brian2.restore()
        self.dt = float(self.plain.clock.dt / ms)

    @rule(number=st.integers(0, 3))
    def run_by_hand(self, number):
        for network in self.both:
            self.user.seed(number)
            network.input.set_maps(network.input_variable, IMAGES[:4])
            network.brian2.run(4 * ms, namespace={})
        self.user.seed(number)

    # --- what only looks at one -------------------------------------------------------------

    @rule(n_images=st.integers(1, 8))
    def transform(self, n_images):
        self.looked.transform(IMAGES[:n_images])

    @precondition(lambda self: self.kind == "spiking")
    @rule()
    def predict(self):
        self.looked.predict(IMAGES, 2)

    @rule()
    def score(self):
        features = self.looked.transform(IMAGES).reshape(8, -1)
        decode(features, LABELS, features, LABELS)

    @rule()
    def export(self):
        to_torch(self.looked)
        save_weights(self.looked, Path(self.folder.name) / "weights", overwrite=True)

    # --- the user's random numbers ----------------------------------------------------------

    @rule(number=st.integers(0, 3))
    def seed(self, number):
        self.user.seed(number)

    @rule()
    def draw(self):
        self.user.draw()

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def no_bit_differs(self):
        if not hasattr(self, "looked"):
            return
        theirs = self.plain.state_variables()
        for name, variable in self.looked.state_variables().items():
            np.testing.assert_array_equal(
                variable.get_value(), theirs[name].get_value(), err_msg=name
            )
        assert self.looked.time == self.plain.time
        # Brian2 adds a run's duration to its own time, and rounds
        assert float(self.looked.brian2.t) == pytest.approx(self.looked.time, rel=1e-12)

    def teardown(self):
        if not hasattr(self, "looked"):
            return
        self.user.check()
        if self.resumed:
            np.testing.assert_array_equal(*(network.transform(IMAGES) for network in self.both))
        self.folder.cleanup()


class LivesInManyProcesses(Lives):
    """Resumed in a new process each time."""

    def go_on(self, path, **given):
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            args = self.target, self.kind, self.dt, path
            pool.submit(resume_in_this_process, *args, **given).result()
        network = KINDS[self.kind]()
        network.clock.dt = self.dt * ms
        load_checkpoint(network, path)
        return network


def life(machine, examples):
    chosen = settings(
        max_examples=examples,
        stateful_step_count=8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making it smaller takes long
    )
    case = machine.TestCase
    case.settings = chosen
    return case


# what draws random numbers is compiled all the same
TestLives = pytest.mark.usefixtures("brian2_in_numpy")(life(Lives, 20))
TestLivesInManyProcesses = pytest.mark.slow(life(LivesInManyProcesses, 500))
