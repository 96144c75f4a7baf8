"""The contract of components as tests, for plugin authors and for `dmlcore test-plugin`.

In a test file of a plugin, this creates a test for every check of every component:

    from dmlcore.testing import contract

    test_contract = contract(Angular(), Angular(alpha=30.0))

Importing it loads neither torch nor pytest.
"""

from dmlcore.testing.checking import ContractError, NotApplicable
from dmlcore.testing.parametrized import contract

__all__ = ["ContractError", "NotApplicable", "contract"]
