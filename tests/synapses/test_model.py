"""What equations may say, and what they mean."""

import re

import pytest
from brian2 import (
    Equations,
    ms,
    prefs,
)
from synapses_cases import (
    cause_of_failed_run,
    maps_for_errors,
    run_steps,
)

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.maps.per_channel_sample_position import PerChannel

MEANINGLESS = {
    "u_post = w*x : 1 (summed)": "'x' in 'u_post = w*x' is no kernel variable; did you mean x_pre",
    "dw = y*x_pre : 1 (summed)": "'y' in 'dw = y*x_pre' is no kernel variable; did you mean y_post",
    "u_post = q*w : 1 (summed)": "is no kernel variable; did you mean q_pre or q_post?",
    "u_post = r_pre : 1 (summed)": "'u_post = r_pre' needs a variable 'r' of the source 'source'",
    "dw = r_post : 1 (summed)": "'dw = r_post' needs a variable 'r' of the target 'target'",
    "h_post = w : 1 (summed)": "'h_post' is summed and needs a parameter 'h : ",
    "r_pre = w*y_post : 1 (summed)": "'r_pre' is summed and needs a parameter 'r : ",
    "z_post = w*x_pre : 1 (summed)": "needs a parameter 'z : ",  # it is a differential equation
    "g_pre = w : 1 (summed)": "needs a parameter 'g : ",  # it is shared
    "I_post = w*v_pre : volt (summed)": (
        "'I_post : volt' and 'I : amp' of 'target' have different units"
    ),
    "dr/dt = -r/ms : 1 (event-driven)": "'r' is event-driven, a trace of each connection",
    "q : 1": "'q' is a variable of a feature map and of the kernel; rename the kernel's",
    "v = 2*w : 1": "'v' is a variable of a feature map and of the kernel; rename the kernel's",
    "xh = w*y_post : 1 (cumulative)\nu_post = xh : 1 (summed)": (
        "'u_post' sums to neurons and can't use the cumulative 'xh'"
    ),
}


@pytest.mark.parametrize("equation", MEANINGLESS)
def test_equations_without_a_meaning(equation):
    model, message = f"w : 1\n{equation}", MEANINGLESS[equation]
    with pytest.raises(ValueError, match=rf"ConvSynapses 'conv': .*{re.escape(message)}"):
        ConvSynapses(*maps_for_errors(), model, kernel_size=2, name="conv")
    with pytest.raises(ValueError, match=re.escape(message)):
        ConvSynapses(*maps_for_errors(), Equations(model), kernel_size=2)


@pytest.mark.parametrize(
    "model", ["u_post : 1", "w_post : 1", "u_post = 2 : 1", "dw_pre/dt = -w_pre/ms : 1"]
)
def test_names_with_suffixes_are_for_sums(model):
    with pytest.raises(SyntaxError, match=r"names a variable of a feature map; only a \(summed\)"):
        ConvSynapses(*maps_for_errors(), model, kernel_size=2)


@pytest.mark.parametrize(
    "name",
    ["out_channel", "in_channel", "krow", "kcol", "out_row", "out_col", "n_shared", "mask",
     "delay", "source", "target", "geometry", "learning"],
)  # fmt: skip
def test_reserved_names(name):
    with pytest.raises(SyntaxError, match=rf"'{name}' has a meaning of its own here"):
        ConvSynapses(*maps_for_errors(), f"{name} : 1", kernel_size=2)


@pytest.mark.parametrize(
    "model",
    ["w : 1 (linked)", "s = 2 : 1 (summed, shared)", "s = y_post : 1 (summed, cumulative)",
     "dw/dt = -w/ms : 1 (unless refractory)", "w : 1 (summed)"],
)  # fmt: skip
def test_flags_without_a_meaning(model):
    with pytest.raises(ValueError, match="flag"):
        ConvSynapses(*maps_for_errors(), model, kernel_size=2)


def test_constants_of_a_rule_are_used_or_refused():
    """Brian2 would take the kernel's own variable, and warn."""
    rule = rules.Rule(equations="dw = y_post*x_pre - krow*w : 1 (summed)", constants={"krow": 0.5})
    with pytest.raises(SyntaxError, match="'krow' would not be used"):
        ConvSynapses(*maps_for_errors(), rule=rule, kernel_size=2)


def test_units_that_follow_from_the_rule_are_said_to():
    rule = rules.Rule(0.1 * ms, "dw = y_post*x_pre : 1 (summed)")
    with pytest.raises(ValueError, match=r"'u_post : second' and 'u : 1' .* 'w : second' follows"):
        ConvSynapses(*maps_for_errors(), rule=rule, kernel_size=2)


@pytest.mark.parametrize("rule", [rules.BCM(), rules.Covariance()])
def test_rules_say_which_groups_they_need(rule):
    """And what they say works as it stands."""
    source, target = maps_for_errors()
    names = {"PerChannel": PerChannel, "source": source, "target": target, "rule": rule}
    groups = []
    for side in (side for side in ("pre", "post") if getattr(rule, f"{side}_channels")):
        with pytest.raises(ValueError, match=r"'dw = .*' needs a variable '\w+' of the") as error:
            ConvSynapses(source, target, rule=rule, kernel_size=2)
        (advice,) = re.findall(r"create (PerChannel\(.*\)) before", str(error.value))
        groups.append(eval(advice, names))
        assert f"rule.{side}_channels" in advice
    prefs.codegen.target = "numpy"
    run_steps(source, target, *groups, ConvSynapses(source, target, rule=rule, kernel_size=2))


def test_unknown_names():
    for model, kwds, name in (
        ("w : 1\nu_post = w*x_pre*missing : 1 (summed)", {}, "missing"),
        ("w : 1", {"update": "w += missing"}, "missing"),
    ):
        cause = cause_of_failed_run(model, **kwds)
        assert isinstance(cause, KeyError)
        assert name in str(cause)


@pytest.mark.parametrize(
    ("model", "kwds"),
    [
        ("w : 1", {"update": "w += x_pre"}),
        ("w : 1\nh = x_pre*y_post : 1", {"update": "w += h"}),
        ("dw/dt = (x_pre*y_post - w)/ms : 1 (clock-driven)", {}),
        ("h = x_pre*w : 1\ndw/dt = (h - w)/ms : 1 (clock-driven)", {}),
    ],
)
def test_shared_elements_have_no_neurons_of_their_own(model, kwds):
    with pytest.raises(ValueError, match=r"'h = x_pre.y_post : 1 .summed.'|'dw = x_pre.y_post"):
        ConvSynapses(*maps_for_errors(), model, kernel_size=2, **kwds)


@pytest.mark.parametrize("name", ["update", "sums", "model", "rule", "learning"])
def test_kernel_variables_named_like_attributes_are_refused(name):
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : 1")
    with pytest.raises(SyntaxError, match=f"'{name}' has a meaning of its own"):
        ConvSynapses(source, layer, f"w : 1\n{name} : 1", kernel_size=2)
