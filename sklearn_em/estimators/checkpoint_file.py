"""The file of a checkpoint: numbers as npz, names as JSON in it, never a pickle; read whole, and replaced whole."""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_em.estimators.encoding import checksum, decode, encode

_FORMAT = 1
# By this member an archive is known to be a checkpoint.
_HEADER = "sklearn_em_checkpoint"
# What every npz begins with.
_ZIP = b"PK"


def write(path: Path, content: dict[str, Any], versions: dict[str, str]) -> None:
    """Write a checkpoint in place of the one that may be there, which is intact until the new one is complete.

    Parameters
    ----------
    path : Path
    content : dict
        What `encode` knows.
    versions : dict of str to str
        Of the packages that wrote it.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    tree, arrays = encode(content)
    header = json.dumps({"format": _FORMAT, "versions": versions, "content": tree})
    members = {
        _HEADER: np.frombuffer(header.encode(), dtype=np.uint8),
        "checksum": np.frombuffer(checksum(tree, arrays), dtype=np.uint8),
        **{f"array_{place}": array for place, array in enumerate(arrays)},
    }
    # Beside it, for only within a folder is a file replaced at once; of this thread, for others may write there too.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **members)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"the checkpoint {str(path)!r} could not be written ({error.strerror}), and what was there is as it was; "
            "free some space there, or give a path in a folder that can be written to",
        ) from error
    finally:
        # Mostly it has got its new name.
        with suppress(OSError):
            part.unlink()


def read(path: Path) -> dict[str, Any]:
    """Return what was written.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no checkpoint, is damaged, or is of a newer format.
    """
    try:
        # Not of a device, which may have no end.
        data = path.read_bytes() if path.is_file() or not path.exists() else b""
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no checkpoint {str(path)!r} to go on from; give the path of a file that Checkpoint has written, "
            "or resume_from=None to begin afresh."
        ) from None
    except OSError as error:
        raise OSError(error.errno, f"the checkpoint {str(path)!r} could not be read ({error.strerror})") from error
    header: dict[str, Any] | None = None
    if data.startswith(_ZIP):
        with _damage_told(path):
            members = np.load(io.BytesIO(data), allow_pickle=False)
            header = json.loads(members[_HEADER].tobytes()) if _HEADER in members else None
    if header is None:
        raise ValueError(
            f"{str(path)!r} is no checkpoint of sklearn_em, and is left as it is; give the path of one, or a new path."
        )
    with _damage_told(path):
        version = header["versions"]["sklearn_em"]
        is_newer = header["format"] > _FORMAT
    if is_newer:
        raise ValueError(
            f"The checkpoint {str(path)!r} was written by sklearn_em {version} in format {header['format']}, and this "
            f"version reads formats up to {_FORMAT}; update sklearn_em."
        )
    with _damage_told(path):
        arrays = [members[f"array_{place}"] for place in range(len(members.files) - 2)]
        if members["checksum"].tobytes() != checksum(header["content"], arrays):
            raise ValueError("the checksum is another")
        content: dict[str, Any] = decode(header["content"], arrays)
    return content


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Say that the file is damaged, which may show in any way: as a zip, as arrays, as JSON, or as what is in it."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"The checkpoint {str(path)!r} is damaged ({type(error).__name__}: {error}); restore it from a copy, or "
            "delete it and begin afresh."
        ) from error
