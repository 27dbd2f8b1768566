"""What all sections of the settings are."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict

_Value = TypeVar("_Value")

AT_START = "at start"
"""Stands with an option that the daemon reads when it starts, and keeps."""
AtStart = Annotated[_Value, AT_START]


class Section(BaseModel):
    """One section: known options alone, and no change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
