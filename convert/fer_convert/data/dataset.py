"""Faces to learn from: Kaggle's fer2013.csv, FER2013's picture folders, or folders of your own.

What is at the path decides which of three forms it is:

    fer2013.csv                 columns emotion (0 to 6), pixels (2,304 values 0 to 255), Usage (Training, ...)
    folder/train/angry/1.jpg    splits, then classes; one folder named as a split, in any case, makes all of them splits
    folder/angry/1.jpg          classes alone: a fifth of each class is held out as `validation`, always the same

In each form a face is resized once, by `fer_edge.preprocess.resize`, which is what the device does with it.
"""

from __future__ import annotations

import stat
from pathlib import Path

from fer_edge.errors import DataError

from fer_convert.data.faces import Dataset
from fer_convert.data.fer2013_csv import read_csv
from fer_convert.data.picture_folder import read_folder


def read(path: Path, size: tuple[int, int]) -> Dataset:
    """The data set at `path`, every face resized to `size` (height, width). Raises DataError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"data {path}: no such file or folder; give Kaggle's fer2013.csv, or a folder of pictures"
        ) from None
    except OSError as cause:
        raise DataError(f"data {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    if stat.S_ISDIR(mode):
        return read_folder(path, size)
    if path.suffix.lower() != ".csv":
        raise DataError(f"data {path}: not a .csv file and not a folder; give one of the two")
    return read_csv(path, size)
