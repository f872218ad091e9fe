"""Prefect: the only package that imports it. Thin wiring of the stages to flows, schedules and artifacts.

Prefect takes its settings from the environment when it is imported, so ``settings.prepare`` comes first; this
package itself imports nothing.
"""
