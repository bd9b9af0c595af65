# SPDX-License-Identifier: MIT
"""The harms that a running campaign must live through, by name.

A harm is a function (trial, small) on a Trial under way; small is a short run of the same. A tool
is a context manager (world, directory) that gives what the harm works with, trial.tool, and how
the Trial is made; a cluster is one () that gives a started server. After the harm it must go on
within resumes_s: a dead site is looked at only now and then.

    trial = perform("cuts", world, directory, people=1500, rate=150, small=True)
"""
import collections
from contextlib import contextmanager

import database_faults as database
import machine_faults as machine
import network_faults as network
from trial import Trial


@contextmanager
def no_tool(world, directory):
    """Nothing between the node and the world."""
    del world, directory
    yield None, {}


Fault = collections.namedtuple("Fault", "harm tool cluster resumes_s",
                               defaults=[no_tool, database.roomy_cluster, 10])

FAULTS = {
    "restarts": Fault(database.restarts),
    "terminations": Fault(database.terminations),
    "hang": Fault(database.hang),
    "hang_one": Fault(database.hang_one),
    "away": Fault(database.away),
    "cuts": Fault(database.cuts, database.proxied),
    "building": Fault(database.building, database.proxied_build),
    "stalls": Fault(database.stalls, database.proxied),
    "full_disk": Fault(database.full_disk, cluster=database.cramped_data_cluster),
    "full_disk_and_log": Fault(database.full_disk, cluster=database.cramped_cluster),
    "dns_dead": Fault(network.dns_dead, network.relayed, resumes_s=90),
    "silent": Fault(network.silent, network.impatient, resumes_s=60),
    "slow": Fault(network.slow),
    "cut": Fault(network.cut, network.impatient, resumes_s=60),
    "few_descriptors": Fault(machine.few_descriptors),
    "no_memory": Fault(machine.no_memory),
    "node_clock": Fault(machine.node_clock, machine.clocked_node),
    "database_clock": Fault(machine.database_clock, machine.clocked_server),
}
# Those that need a network of their own: `ip link` is used on it.
ISOLATED = {"cut"}


def perform(name, world, directory, small=False, **how):
    """The Trial, after it ended well."""
    fault = FAULTS[name]
    with fault.tool(world, directory) as (tool, options):
        trial = Trial(world, **how, **options)
        trial.tool = tool
        trial.begin()
        fault.harm(trial, small)
        trial.end()
        return trial
