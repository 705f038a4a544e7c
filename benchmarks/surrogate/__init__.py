"""How the embedded surrogate of NAS-Bench-101 is fitted: data, network, noise, export."""
