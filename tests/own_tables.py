"""Tables as people have them, for tests: gaps, words, dates, ids and rare classes."""

from __future__ import annotations

import numpy as np
import pandas as pd


def customers(rows: int = 600) -> pd.DataFrame:
    """Who left a shop: 5 % did, 9 rows do not say, and hardly a column is without gaps."""
    rng = np.random.default_rng(3)
    age, days = rng.normal(45, 15, rows).round(), rng.integers(0, 3_000, rows)
    city = rng.choice(["Ulm", "Bonn", "Jena", "Köln", "Trier"], rows, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    risk = (age - 45) / 15 + 1.2 * (city == "Jena") - days / 1_500 + rng.normal(0, 0.4, rows)
    since = (pd.Timestamp("2015-01-01") + pd.to_timedelta(days, unit="D")).strftime("%d.%m.%Y")
    table = pd.DataFrame(
        {
            "customer id": np.arange(5_000, 5_000 + rows),
            "age": age.astype(object),
            "income": rng.lognormal(10, 0.6, rows).round(2),
            "city": city.astype(object),
            "since": since.to_numpy().astype(object),
            "active": rng.random(rows) > 0.5,
            "country": "DE",
            "comment": [f"note {number}" for number in range(rows)],
            "churned": np.where(risk > np.quantile(risk, 0.95), "yes", "no").astype(object),
        }
    )
    for column, share in (("age", 0.08), ("income", 0.1), ("city", 0.05), ("since", 0.03)):
        table.loc[rng.random(rows) < share, column] = np.nan
    table.loc[rng.choice(rows, 6, replace=False), "age"] = "?"
    table.loc[rng.choice(rows, 9, replace=False), "churned"] = np.nan
    return table
