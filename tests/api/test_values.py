"""Values whose fields were renamed."""

from __future__ import annotations

import numpy as np
import pytest

from dmlcore import Embeddings, SamplerContext


def test_the_former_name_of_the_last_embeddings_warns_and_works() -> None:
    embeddings = Embeddings(np.zeros((2, 3), np.float32), np.array([0, 1]))
    context = SamplerContext(embeddings.labels, 2, 1, np.random.default_rng(0), embeddings)
    with pytest.warns(DeprecationWarning, match="last_embeddings"):
        assert context.seen is embeddings
