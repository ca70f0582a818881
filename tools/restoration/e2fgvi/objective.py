"""What E2FGVI is trained on: pictures inside and outside the holes, flow, and a critic's opinion."""

from __future__ import annotations

from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from tools.restoration.e2fgvi.critic import Critic
from tools.restoration.e2fgvi.made import Moments
from tools.restoration.e2fgvi.network import Completed

ADVERSARIAL = 0.01
"""Weight of the critic's opinion; the other terms have weight 1."""


def inpainting_loss(found: Completed, wanted: Moments) -> dict[str, Tensor]:
    """`hole` and `outside`: mean absolute difference of the pictures there; `flow`: of the flows, both ways.

    As published, but for the flow's truth, which was that of a SPyNet trained before on whole frames; made video knows
    its own.
    """
    apart = (found.pictures - wanted.clean).abs()
    ways = (found.to_next, wanted.to_next), (found.to_previous, wanted.to_previous)
    return {
        "hole": _mean(apart, wanted.holes),
        "outside": _mean(apart, 1 - wanted.holes),
        "flow": sum((F.l1_loss(flow, truth) for flow, truth in ways), start=apart.new_zeros(())),
    }


def adversarial_loss(critic: Critic, made: Tensor, wanted: Moments) -> dict[str, Tensor]:
    """`likely`, from which only the network learns, and `critic`, from which only the critic does: hinge losses.

    The critic sees the pictures [B, T, 3, H, W] that were made inside the holes, and the true ones outside.
    """
    filled = wanted.clean + wanted.holes * (made - wanted.clean)
    fixed = {name: value.detach() for name, value in (*critic.named_parameters(), *critic.named_buffers())}
    opinion: Tensor = functional_call(critic, fixed, filled)
    real, false = critic(wanted.clean), critic(filled.detach())
    return {
        "likely": -ADVERSARIAL * opinion.mean(),
        "critic": (F.relu(1 - real).mean() + F.relu(1 + false).mean()) / 2,
    }


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Of [B, T, 3, H, W] where [B, T, 1, H, W] is 1; 0 where it is nowhere."""
    return (values * where).sum() / (values.shape[2] * where.sum()).clamp(min=1)
