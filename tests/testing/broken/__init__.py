"""Parts with one defect each. ``CAUGHT`` of each module says which check finds which."""

from tests.testing.broken import (
    backbones,
    dataset_events,
    dataset_likelihoods,
    datasets,
    heads,
    heads_devices,
    heads_features,
    heads_options,
    heads_ranges,
    heads_samples,
    heads_states,
    heads_training,
    heads_units,
    masks,
    models,
    network_devices,
    network_options,
    network_orders,
    network_sizes,
    network_state,
    network_training,
    ordering_draws,
    ordering_sizes,
    ordering_state,
    orderings,
    steppers,
)

MODULES = (
    *(orderings, ordering_draws, ordering_sizes, ordering_state),
    *(heads, heads_devices, heads_features, heads_options, heads_ranges, heads_samples, heads_states),
    *(heads_training, heads_units),
    *(datasets, dataset_events, dataset_likelihoods),
    *(backbones, masks, steppers, models),
    *(network_devices, network_options, network_orders, network_sizes, network_state, network_training),
)
