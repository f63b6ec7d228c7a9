"""fer-edge on the device: camera -> faces -> emotions -> log. Read loop.py first; docs/python-api.md for programs.

    from fer_edge import Reader

    for face in Reader().read("portrait.jpg"):
        print(face.emotion, face.confidence, face.box, face.scores)

Nothing is loaded before it is used, OpenCV least of all.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # as typing has it, which takes longer to import than all of this; type checkers know the name
if TYPE_CHECKING:
    from fer_edge import errors
    from fer_edge.errors import FerEdgeError
    from fer_edge.reader import Reader
    from fer_edge.settings import Settings
    from fer_edge.types import Box, Event, Face, Frame, Observation, Prediction

__all__ = [
    "Box",
    "Event",
    "Face",
    "FerEdgeError",
    "Frame",
    "Observation",
    "Prediction",
    "Reader",
    "Settings",
    "__version__",
    "errors",
]

# name -> the module that has it, or is it
_HOMES = {
    "Reader": "fer_edge.reader",
    "Settings": "fer_edge.settings",
    "FerEdgeError": "fer_edge.errors",
    "errors": "fer_edge.errors",
} | dict.fromkeys(("Box", "Event", "Face", "Frame", "Observation", "Prediction"), "fer_edge.types")

if not TYPE_CHECKING:  # or they would believe that every name is here

    def __getattr__(name):
        """What `_HOMES` has, loaded now. Raises AttributeError; ImportError with the fix where a library is missing."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
        import importlib

        try:
            module = importlib.import_module(_HOMES[name])
        except ImportError as cause:
            cure = "fix it with: pip install --force-reinstall fer-edge"
            raise ImportError(f"fer_edge.{name}: {cause}; {cure}", name=cause.name, path=cause.path) from cause
        found = module if _HOMES[name] == f"{__name__}.{name}" else getattr(module, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
