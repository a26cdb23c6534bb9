import pandas as pd
import pytest
from synthetic_results import make_scores


@pytest.fixture
def scores() -> pd.DataFrame:
    """Scores of one data set at two degrees, with one model that was not run."""
    return make_scores("documents", (50, 100), missing=(("C", "mask", 100),))
