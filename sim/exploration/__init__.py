"""Design-space exploration: many scenarios, where one is not enough. Sweeps, search, sensitivity; the engines that run them and the store that keeps them."""
