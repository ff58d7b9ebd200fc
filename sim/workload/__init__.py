"""When requests arrive: periodic, Poisson, closed-loop and recorded streams, each reproducible from the scenario's seed."""
