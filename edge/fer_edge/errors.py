"""Every error that fer-edge and fer-convert raise on purpose.

    FerEdgeError            one line for the user: the value, the cause, the cure; exit code 1
    +-- SettingsError       a settings file or an option: unknown key, wrong type, out of range; exit code 2
    +-- SourceError         a camera, video, picture or folder that gives no (more) pictures; exit code 3
    |   +-- SourceLost      it gave pictures and stopped; exit code 4
    |       +-- SourceGone  and did not come back for long, so a start from scratch is tried; exit code 10
    +-- ModelError          a model file or its card: missing, cut off, not TFLite, not what the card says; exit code 5
    +-- SinkError           an output that cannot be written; exit code 6
    +-- DataError           training data: a missing column, a short row, a bad label, an empty folder; exit code 7
    +-- GateError           a converted model that misses what it promises; exit code 8
    +-- LogError            a log that cannot be read or purged: missing, something else; exit code 9

The command line prints ``str(error)`` as one line and exits with ``error.exit_code``; anything else is a bug and keeps
its traceback.
"""


def first_line(cause: BaseException) -> str:
    """What somebody else's error says, in one line; its type where it says nothing."""
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


class FerEdgeError(Exception):
    """Base of the tree: ``str()`` is one line that names the value, the cause and the cure."""

    exit_code = 1


def one_line(name: str, error: Exception) -> str:
    """What went wrong in the part `name`: our own errors say it all, any other gets the name and its type."""
    return str(error) if isinstance(error, FerEdgeError) else f"{name}: {type(error).__name__}: {first_line(error)}"


class SettingsError(FerEdgeError):
    """A settings file or an option holds something that is not allowed."""

    exit_code = 2


class SourceError(FerEdgeError):
    """A source of pictures cannot be opened or holds no picture."""

    exit_code = 3


class SourceLost(SourceError):
    """A source that delivered pictures stopped delivering them."""

    exit_code = 4


class SourceGone(SourceLost):
    """A camera that was lost, and opened again in vain for long."""

    exit_code = 10


class ModelError(FerEdgeError):
    """A model file or its card is missing, damaged, or does not fit."""

    exit_code = 5


class SinkError(FerEdgeError):
    """An output cannot be written."""

    exit_code = 6


class DataError(FerEdgeError):
    """Training or validation data is missing or malformed."""

    exit_code = 7


class GateError(FerEdgeError):
    """A converted model differs too much from the model that it was made from."""

    exit_code = 8


class LogError(FerEdgeError):
    """A log that cannot be read or purged."""

    exit_code = 9
