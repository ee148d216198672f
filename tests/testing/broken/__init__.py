"""Parts with one defect each, and the check that must find it."""
