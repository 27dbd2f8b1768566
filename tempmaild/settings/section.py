"""What all sections of the settings are."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section: known options alone, and no change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
