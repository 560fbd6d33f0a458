"""The documented codes of the project (``SPI-M4nn``): what the manifest names, held against the files."""

from nova_spi.manifest.codes.code import Code
from nova_spi.manifest.diagnostics import Severity

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_PATHS = "Put the file into the project, or correct the path; paths start at the project's root."

PROJECT_CODES: tuple[Code, ...] = (
    Code(
        "SPI-M400",
        "Two manifests beside each other",
        _ERROR,
        "A project has one of manifest.yml, manifest.yaml, manifest.json; with two, tools do not agree which counts.",
        "Keep one of them.",
    ),
    Code(
        "SPI-M401",
        "A module that is not there",
        _ERROR,
        "The entry point names a Python module that the project does not have. `package.module` is package/module.py "
        "or package/module/__init__.py (to run a package: its __main__.py), from the project's root.",
        "Write the module, or correct the entry point.",
    ),
    Code(
        "SPI-M402",
        "A function or class that is not there",
        _ERROR,
        "The module of the entry point has no attribute of this name. The file is parsed for it, never imported.",
        "Define it in the module, or correct the entry point.",
    ),
    Code(
        "SPI-M403",
        "Code that cannot be parsed",
        _ERROR,
        "The file of the entry point has a syntax error, so it cannot run.",
        "Mend the file at the line that the finding names.",
    ),
    Code(
        "SPI-M404",
        "A program that is not there",
        _ERROR,
        "The command of the entry point runs a file that the project does not have.",
        _PATHS,
    ),
    Code(
        "SPI-M405",
        "No requirements file",
        _ERROR,
        "`execution.requirements` must be a regular file inside the project.",
        _PATHS,
    ),
    Code(
        "SPI-M406",
        "A test file that is not there",
        _ERROR,
        "A test case names a file, or a glob that matches none.",
        _PATHS,
    ),
    Code(
        "SPI-M407",
        "A test file that cannot be used",
        _ERROR,
        "Files of test cases are regular files inside the project: no devices, and no links that lead out.",
        "Copy the file into the project.",
    ),
    Code(
        "SPI-M408",
        "A reference that is not there",
        _ERROR,
        "A test case compares an output with a file that the project does not have.",
        _PATHS,
    ),
    Code(
        "SPI-M409",
        "Catalog media that are not there",
        _ERROR,
        "The catalog takes the bytes of its thumbnail and carousel out of the project.",
        _PATHS,
    ),
    Code(
        "SPI-M410",
        "A data set that is not there",
        _ERROR,
        "`benchmark.dataset` is a JSON Lines file or a folder inside the project.",
        _PATHS,
    ),
    Code(
        "SPI-M411",
        "A link that leads out",
        _WARNING,
        "A symbolic link leads out of the project or nowhere. What it leads to is not a part of the model.",
        "Copy what it leads to, declare it as an asset, or name the link in .spiignore.",
    ),
    Code(
        "SPI-M412",
        "Nothing to run",
        _WARNING,
        "There is no `execution.entry_point`, and no run.py in the project's root, which would be the default.",
        "Write run.py, or name what runs under `execution.entry_point`.",
    ),
    Code(
        "SPI-M413",
        "A project that cannot be looked through",
        _ERROR,
        "A folder cannot be read, .spiignore cannot be used, or there are far more files than a model has.",
        "Name what does not belong to the model in .spiignore.",
    ),
    Code(
        "SPI-M414",
        "An asset that is not there",
        _ERROR,
        "An asset with a `file:` address and a relative path is a file or a folder of the project.",
        _PATHS,
    ),
    Code(
        "SPI-M415",
        "A method that is not there",
        _ERROR,
        "A class as entry point answers the default command with `predict` and each other command with the method of "
        "its name (`-` as `_`).",
        "Define the method, or give the command an entry point of its own.",
    ),
    Code(
        "SPI-M416",
        "Parameters that do not agree",
        _WARNING,
        "A function or method gets the inputs as keyword arguments. One that it does not take, or one that it wants "
        "and that is no input, makes the call fail.",
        "Give the function and the manifest the same names; `**inputs` takes them all.",
    ),
    Code(
        "SPI-M417",
        "A module from elsewhere",
        _WARNING,
        "The entry point's module is not in the project. It may come from the requirements, which are not looked into.",
        "See that the name is right.",
    ),
    Code(
        "SPI-M418",
        "Code for another Python",
        _WARNING,
        "The file of the entry point does not parse with the Python that runs nova-spi, but `execution.python_version` "
        "names another one, which may read it.",
        "See that the file parses with the model's own Python.",
    ),
)
"""All codes of the project's checks, for `nova_spi.manifest.codes`."""
