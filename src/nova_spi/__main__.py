"""``python -m nova_spi`` is ``nova-spi``."""

from nova_spi.cli.main import main

if __name__ == "__main__":
    main()
