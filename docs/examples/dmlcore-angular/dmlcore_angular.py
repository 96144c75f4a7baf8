"""Angular loss for dmlcore."""

from attrs import frozen

from dmlcore import LossConfig, hookimpl, option


@frozen
class Angular(LossConfig):
    """Angular loss (Wang et al., 2017): bound the angle at the negative."""

    name = "angular"
    libraries = ("pytorch-metric-learning",)
    alpha: float = option(40.0, help="upper bound on the angle at the negative", unit="degrees", gt=0, lt=90)

    def build(self, context):
        from pytorch_metric_learning.losses import AngularLoss

        return AngularLoss(alpha=self.alpha)


@hookimpl
def dmlcore_register_losses():
    return [Angular]
