"""Local learning rules for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_learners() -> list[Lazy]:
    """Offer this package's learners to nogd."""
    return [
        Lazy(
            "dfa",
            "nogd_local_rules.dfa:Dfa",
            "sends the error to every hidden layer by a fixed random matrix of its own",
            tags=("local-rule",),
            access="layers",
        ),
        Lazy(
            "feedback-alignment",
            "nogd_local_rules.feedback_alignment:FeedbackAlignment",
            "back-propagates the error by fixed random matrices in place of the transposed weights",
            tags=("local-rule",),
            access="layers",
        ),
        Lazy(
            "hebbian",
            "nogd_local_rules.hebbian:Hebbian",
            "hidden layers follow their inputs alone (SoftHebb or Oja), the last layer the error",
            tags=("local-rule",),
            access="layers",
        ),
        Lazy(
            "mono-forward",
            "nogd_local_rules.mono_forward:MonoForward",
            "each hidden layer lowers the loss of a projection of its own",
            tags=("local-gradient", "local-rule"),
            access="layers",
        ),
        Lazy(
            "forward-forward",
            "nogd_local_rules.forward_forward:ForwardForward",
            "each hidden layer tells inputs with their own label from inputs with a wrong one",
            tags=("local-gradient", "local-rule"),
            access="layers",
        ),
        Lazy(
            "pepita",
            "nogd_local_rules.pepita:Pepita",
            "passes the inputs again with the error added, and learns from the difference",
            tags=("local-rule",),
            access="layers",
        ),
        Lazy(
            "difference-target-propagation",
            "nogd_local_rules.difference_target_propagation:DifferenceTargetPropagation",
            "gives each layer a target by learnt inverses of the layers above",
            tags=("local-gradient", "local-rule"),
            access="layers",
        ),
        Lazy(
            "r-stdp",
            "nogd_local_rules.r_stdp:RStdp",
            "synapses of a spiking network remember which spikes met, and a reward decides (MSTDPET)",
            tags=("local-rule", "spiking"),
            access="closed-form",
        ),
    ]
