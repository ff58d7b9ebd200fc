"""The simulation of a device on simpy: units, queues, memory, operating points, power and heat. The only package that knows simpy."""
