"""Observers for nogd: what its entry points load, so nothing heavy is imported here.

Each writes where an environment variable says, and does nothing where it is not set. Each is a plugin of its own, as
nogd leaves a plugin alone once it has failed.
"""

from __future__ import annotations

from nogd_observers.observer import Observer

CSV_LOG = Observer("NOGD_CSV_LOG", "nogd_observers.csv_log:CsvLog", "a row of a CSV file for each point")
TENSORBOARD = Observer(
    "NOGD_TENSORBOARD", "nogd_observers.to_tensorboard:ToTensorBoard", "curves, settings and solutions"
)
MLFLOW = Observer("NOGD_MLFLOW", "nogd_observers.to_mlflow:ToMlflow", "parameters and metrics")
