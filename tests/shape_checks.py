"""The type checker behind the import hook: beartype, for which an integer is a number as it is for mypy."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
