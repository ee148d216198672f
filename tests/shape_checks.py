"""The type checker of the import hook: beartype, with integers accepted as floats as by mypy."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
