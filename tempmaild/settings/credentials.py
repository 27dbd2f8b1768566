"""Options that are given as files beside the settings: certificates and secrets, named for their option.

systemd's `LoadCredential=tls.key:/etc/…/privkey.pem` puts the file `tls.key` where the service alone can read it, and
names the folder in CREDENTIALS_DIRECTORY. Without systemd, as when somebody calls the command, the same files are
looked for in the folder `credentials` beside the settings; so a database's password is in one place.
"""

from collections.abc import Mapping
from pathlib import Path

from tempmaild.settings.document import DocumentError
from tempmaild.settings.options import OPTIONS

FOLDER = "credentials"
_VARIABLE = "CREDENTIALS_DIRECTORY"
_LARGEST = 64 * 1024
"""Octets of a value; that of an option is a line of text."""


def read_credentials(config: Path | None, environ: Mapping[str, str]) -> dict[str, object]:
    """Give the options that are files of their own, by key; where an option names a file, it is
    this one.

    What is not named as an option is somebody else's.

    Raises:
        DocumentError: one of them cannot be read.
    """
    named = environ.get(_VARIABLE)
    folder = Path(named) if named else config.absolute().parent / FOLDER if config else None
    try:
        if folder is None or not (named or folder.is_dir()):
            return {}
        return {path.name: _value(path) for path in sorted(folder.iterdir()) if path.name in OPTIONS}
    except OSError as error:
        raise DocumentError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None


def _value(path: Path) -> object:
    option = OPTIONS[path.name]
    if option.is_file:
        return str(path.absolute())
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    try:
        return option.read(data.decode().strip())
    except UnicodeDecodeError:
        raise DocumentError(f"{path}: not UTF-8 text") from None
