"""The penalty of deep embedded clustering: codes draw together around their centres."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32


@PENALTIES.register("clustering")
class Clustering(Penalty):
    """Ω = (1/N) Σ_n KL(p_n ‖ q_n), q_nj ∝ 1 / (1 + ‖h_n - μ_j‖²), p_nj ∝ q_nj² / f_j.

    f_j is the mean of q_nj over all samples. p, which is surer than q, is taken as a constant, so
    that each sample is drawn towards the centre that it is nearest to, and large clusters no more
    than small ones. Source: Xie et al. 2016 (DEC), where p is renewed only now and then; here it
    goes with every batch, and f follows as a moving average (see
    `isthmus.networks.classifier.Centres`).
    """

    def check(self, network: Any) -> None:
        """Refuse a network without centres."""
        if not hasattr(getattr(network, "head", None), "shares"):
            raise SettingError(
                "The penalty 'clustering' needs centres among the codes; use"
                " isthmus.latent.deep_clustering.DeepClustering, or `isthmus cluster --kind deep`."
            )

    def __call__(self, passed: Pass) -> Tensor:
        """Mean over the batch, in nats."""
        log_q = at_least_float32(passed.network.classify(passed.code)).log_softmax(1)
        log_p = (2 * log_q.detach() - passed.network.head.shares.log()).log_softmax(1)
        return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
