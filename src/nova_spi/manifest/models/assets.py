"""Remote weights and data: ``assets``."""

from pydantic import Field

from nova_spi.manifest.models.fields import AssetAddress, Bytes, RelativePath, Sha256, Title, VariableName
from nova_spi.manifest.models.record import Record


class Asset(Record):
    """A file, or a folder where its address ends in '/', that is fetched before the first run."""

    name: Title = Field(description="Its name; unique.")
    uri: AssetAddress = Field(description="Where it comes from: https, file, s3, gs, hf or oci.")
    mount_path: RelativePath = Field(description="Where it stands, relative to base_work_dir.")
    sha256: Sha256 | None = Field(None, description="Its digest; what does not match is refused.")
    size_bytes: Bytes | None = Field(None, description="Its size in bytes.")
    credentials: VariableName | None = Field(None, description="An entry of execution.secrets.")
    optional: bool = Field(False, description="The model runs without it.")

    @property
    def is_folder(self) -> bool:
        """Whether the address names a folder."""
        return self.uri.endswith("/")
