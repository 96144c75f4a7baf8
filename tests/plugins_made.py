"""Sources of small plugins, for distributions that a test makes up."""

WEDGE = '''
from attrs import frozen
from dmlcore import LossConfig, hookimpl

@frozen
class Wedge(LossConfig):
    """A loss from elsewhere."""
    name = "wedge"

    def build(self, context):
        return None

@hookimpl
def dmlcore_register_losses():
    return [Wedge]
'''

PICKY = '''
from attrs import frozen
from dmlcore import MinerConfig, hookimpl

@frozen
class Picky(MinerConfig):
    """Stands for a miner."""
    name = "picky"

    def build(self, context):
        return None

@hookimpl
def dmlcore_register_miners():
    return [Picky]
'''

TOYS = """
import toys
from dmlcore import hookimpl

@hookimpl
def dmlcore_register_datasets():
    return [toys.Squares]

@hookimpl
def dmlcore_register_backbones():
    return [toys.Tiny]

@hookimpl
def dmlcore_register_losses():
    return [toys.Pair]

@hookimpl
def dmlcore_register_samplers():
    return [toys.Balanced]

@hookimpl
def dmlcore_register_evaluators():
    return [toys.Nearest]
"""
"""The small components of toys.py, found as those of any distribution are."""

NOT_TO_BE_LOADED = "raise RuntimeError('it was loaded')"
