"""Another statistic under the same name."""

from collections import defaultdict
from datetime import date, datetime
from statistics import fmean, pstdev

import numpy as np
import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

lessons = sk.Source(
    "lessons",
    time="ts",
    columns={
        "user_id": sk.key(),
        "score": sk.floats(0, 100, step=0.5),
        "embedding": sk.vectors(3, -1, 1),
    },
)


class Scores:
    """Keeps every score; what is asked of them is for those that inherit."""

    def __init__(self) -> None:
        self._scores: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._scores[event["user_id"]].append(event["score"])


class ScoreSpread(Scores):
    def query(self, request: Row) -> Row:
        scores = self._scores[request["user_id"]]
        return {"score_std": pstdev(scores) if scores else None}


def score_spread(lessons: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(lessons, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(score_std=pl.col("score").std()))


planted(
    sk.FeatureView(
        "deviation_of_sample_or_population",
        sources=[lessons],
        entity=["user_id"],
        batch=score_spread,
        online=ScoreSpread,
        features={"score_std": sk.close()},
    ),
    cause="aggregation",
    feature="score_std",
    kinds=("value", "null"),
    known_minimum=1,
)


class HighScore(Scores):
    def query(self, request: Row) -> Row:
        scores = self._scores[request["user_id"]]
        return {"score_p90": float(np.quantile(scores, 0.9)) if scores else None}


def high_score(lessons: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(lessons, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(score_p90=pl.col("score").quantile(0.9)))


planted(
    sk.FeatureView(
        "quantile_nearest_or_linear",
        sources=[lessons],
        entity=["user_id"],
        batch=high_score,
        online=HighScore,
        features={"score_p90": sk.close()},
    ),
    cause="aggregation",
    feature="score_p90",
    known_minimum=2,
)


class MiddleScore(Scores):
    def query(self, request: Row) -> Row | None:
        scores = sorted(self._scores.get(request["user_id"], ()))
        return {"score_median": scores[len(scores) // 2]} if scores else None


def middle_score(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    past = events[events["ts"] < as_of]
    return past.groupby("user_id")["score"].median().rename("score_median").reset_index()


planted(
    sk.FeatureView(
        "median_of_an_even_number",
        sources=[lessons],
        entity=["user_id"],
        batch=sk.per_as_of(middle_score),
        online=MiddleScore,
        features={"score_median": sk.close()},
    ),
    cause="aggregation",
    feature="score_median",
    known_minimum=2,
)


class DailyMean:
    def __init__(self) -> None:
        self._days: dict[str, dict[date, list[float]]] = defaultdict(lambda: defaultdict(list))

    def update(self, event: Row) -> None:
        self._days[event["user_id"]][event["ts"].date()].append(event["score"])

    def query(self, request: Row) -> Row:
        days = self._days[request["user_id"]]
        return {"mean_score": fmean(map(fmean, days.values())) if days else None}


MEAN_SCORE = """
    select spine.user_id, spine.as_of, avg(lessons.score) as mean_score
    from spine
    left join lessons on lessons.user_id = spine.user_id and lessons.ts < spine.as_of
    group by all
"""

planted(
    sk.FeatureView(
        "mean_of_daily_means",
        sources=[lessons],
        entity=["user_id"],
        batch=sk.sql(MEAN_SCORE),
        online=DailyMean,
        features={"mean_score": sk.close()},
    ),
    cause="aggregation",
    feature="mean_score",
    known_minimum=3,
)


class MeanEmbedding:
    """Scales each vector to length 1 before it averages; batch averages as they come."""

    def __init__(self) -> None:
        self._sum: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(3))

    def update(self, event: Row) -> None:
        vector = np.array(event["embedding"])
        length = np.linalg.norm(vector)
        self._sum[event["user_id"]] += vector / length if length else vector

    def query(self, request: Row) -> Row:
        found = self._sum.get(request["user_id"])
        return {"taste": None if found is None else found.tolist()}


def mean_embedding(lessons: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(lessons, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    means = (pl.col("embedding").list.get(i).mean().alias(f"{i}") for i in range(3))
    parts = past.group_by(KEYS).agg(means)
    return onto(spine, parts.select(*KEYS, taste=pl.concat_list("0", "1", "2")))


planted(
    sk.FeatureView(
        "embeddings_scaled_before_the_mean",
        sources=[lessons],
        entity=["user_id"],
        batch=mean_embedding,
        online=MeanEmbedding,
        features={"taste": sk.vector(cosine=1e-9)},
    ),
    cause="aggregation",
    feature="taste",
    known_minimum=2,
)
