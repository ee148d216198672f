"""Parts with one defect each. ``CAUGHT`` of each module says which check finds which."""

from tests.testing.broken import network_devices, network_orders, network_sizes, network_state, network_training

NETWORKS = (network_devices, network_orders, network_sizes, network_state, network_training)
