"""The view of trust: calibration, lengths, clusters, answers that hardly vary."""
