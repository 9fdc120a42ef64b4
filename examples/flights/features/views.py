"""What skewtest needs to know: the source, learned from the real log, and two feature views."""

from datetime import timedelta

import skewtest as sk
from features.batch import aircraft_batch, carrier_batch
from features.log import NEW_YORK, flights_log
from features.online import FEATURES, AircraftOnline, CarrierOnline

flights = sk.Source.from_polars(
    flights_log(),
    name="flights",
    time="ts",
    keys=["tailnum", "carrier"],
    columns={"tailnum": sk.key(nullable=True)},  # a cancelled flight may have had no aircraft
)

# Two of them round: polars divides many rows by a literal as it multiplies by its reciprocal.
TOLERANCE = dict.fromkeys(FEATURES, sk.exact()) | dict.fromkeys(
    ("hours_since_departure", "delay_ewma"), sk.close()
)
WINDOWS = [timedelta(days=1), timedelta(days=7), timedelta(days=30)]

aircraft = sk.FeatureView(
    "aircraft", sources=[flights], entity=["tailnum"],
    batch=aircraft_batch, online=AircraftOnline,
    features=TOLERANCE, windows=WINDOWS, zone=NEW_YORK,
)  # fmt: skip

carriers = sk.FeatureView(
    "carriers", sources=[flights], entity=["carrier"],
    batch=carrier_batch, online=CarrierOnline,
    features=TOLERANCE, windows=WINDOWS, zone=NEW_YORK,
)  # fmt: skip
