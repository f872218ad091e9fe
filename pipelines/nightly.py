"""Employees first, then contractors: a Python flow, for what one pipeline file cannot say."""

from prefect import flow

from scimport.flows.provision import provision


@flow(name="nightly")
def nightly(full: bool = False) -> None:
    """Load both populations, one after the other; contractors are not loaded if employees fail."""
    provision("employees", full=full)
    provision("contractors", full=full)


if __name__ == "__main__":
    nightly()
