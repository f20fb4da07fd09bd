"""From numbers to a log price: training set, network ensemble and price model."""
