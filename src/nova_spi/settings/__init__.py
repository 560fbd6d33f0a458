"""Settings: where the library looks when the caller does not say.

An option wins over the environment variable ``NOVA_SPI_<NAME>``, that over the project's ``.nova-spi.toml``, that over
the user's ``config.toml``, and that over the default. The result is one frozen object that is handed down; nothing
below asks the environment again.

    settings = Settings.load(Path("my-model"), engine="process")
    settings.engine               # "process"
    settings.origin("engine")     # "option"

A settings file is flat TOML, e.g. ``server = "https://models.example.org"``. Unknown keys and values of a wrong type
are errors that name the file. A relative path in a file starts at that file's folder, anywhere else at the current one.
"""

from nova_spi.settings.loading import Settings
from nova_spi.settings.sources import MAX_FILE_BYTES, PROJECT_FILE, USER_FILE
from nova_spi.settings.table import ENGINES, SETTINGS, Setting

__all__ = ["ENGINES", "MAX_FILE_BYTES", "PROJECT_FILE", "SETTINGS", "USER_FILE", "Setting", "Settings"]
