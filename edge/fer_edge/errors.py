"""Every error that fer-edge and fer-convert raise on purpose.

    FerEdgeError            one line for the user: the value, the cause, the fix; exit code 1
    +-- SettingsError       a settings file or an option: unknown key, wrong type, out of range; exit code 2
    +-- SourceError         a camera, video, picture or folder gives no (more) pictures; exit code 3
    |   +-- SourceLost      it gave pictures and stopped; exit code 4
    |       +-- SourceGone  and did not come back in time, so the program restarts; exit code 10
    +-- ModelError          a model file or its card: missing, cut off, not TFLite, unlike its card; exit code 5
    +-- SinkError           an output cannot be written; exit code 6
    +-- DataError           training data: a missing column, a short row, a bad label, an empty folder; exit code 7
    +-- GateError           a converted model fails the parity gate; exit code 8
    +-- LogError            a log cannot be read or purged: missing, or another kind of file; exit code 9

The command line prints ``str(error)`` as one line and exits with ``error.exit_code``. Any other exception is a bug and
keeps its traceback.
"""


def first_line(cause: BaseException) -> str:
    """The first line of another library's error; its type if it has no text."""
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def counted(number: int, noun: str) -> str:
    """A number of things, for a message: "1 line", "2 lines"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    """`text` with a replacement for each character that a terminal would obey, or that hides others."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


class FerEdgeError(Exception):
    """Base of the tree: ``str()`` is one line that names the value, the cause and the fix.

    One line whatever is quoted in it, since values come from files and other machines.
    """

    exit_code = 1

    def __str__(self) -> str:
        return printable(" ".join(super().__str__().splitlines()))


# What code that is not ours may raise in a thread of its own, which a sys.exit in it would end without a word.
FOREIGN_ERRORS = (Exception, SystemExit)


def one_line(name: str, error: BaseException) -> str:
    """An error of the part `name` in one line: fer-edge's own as it is, any other with the name and its type."""
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
    """A camera that was lost and could not be opened again in time."""

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
    """A log cannot be read or purged. `fault` is the message without the fix, which is that of the command line."""

    exit_code = 9

    def __init__(self, fault: str, fix: str = "") -> None:
        super().__init__(f"{fault}; {fix}" if fix else fault)
        self.fault = fault
