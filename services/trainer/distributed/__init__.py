"""Trainings that other processes compute: the process, the worker's view of it, and Kubeflow's TrainJobs."""
