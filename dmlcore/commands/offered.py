"""Commands of plugins, loaded only if dmlcore has no command of the name, and for its help."""

from __future__ import annotations

import click
from attrs import frozen

from dmlcore.errors import PluginError, UnknownComponentError
from dmlcore.host.discovery import FailedPlugin, disabler, load_commands
from dmlcore.host.distributions import InstalledPlugin, disabled_by_environment, installed_plugins
from dmlcore.host.faults import own_line, plugin_error
from dmlcore.text import listing


@frozen
class OfferedCommand:
    """A command and its plugin."""

    command: click.Command
    plugin: InstalledPlugin

    @property
    def name(self) -> str:
        assert self.command.name, "checked when it was loaded"
        return self.command.name

    @property
    def full_name(self) -> str:
        """The unambiguous name: distribution/name."""
        return f"{self.plugin.source.distribution}/{self.name}"

    def fault(self, error: Exception) -> PluginError:
        """What the command raised, as a message for users and a traceback for its author."""
        source = self.plugin.source
        line = own_line(error, self.plugin.entry_point.module)
        what = f"The command {self.name!r} of {source.distribution} {source.version} failed"
        return plugin_error(what, error, line, "Report this to the plugin's author.")


@frozen
class OfferedCommands:
    """All commands of plugins, and the plugins that failed."""

    commands: tuple[OfferedCommand, ...]
    failed: tuple[FailedPlugin, ...]

    def find(self, name: str) -> OfferedCommand | None:
        """The command of a name or `distribution/name`. Raises UnknownComponentError if several plugins have it."""
        found = [offered for offered in self.commands if name in (offered.name, offered.full_name)]
        if len(found) > 1:
            names = listing(offered.full_name for offered in found)
            raise UnknownComponentError(f"{len(found)} plugins have a command {name!r}. Use one of {names}.")
        return found[0] if found else None

    def help(self, own: set[str]) -> list[tuple[str, str]]:
        """Name and description of each command, given the names of dmlcore's `own`, and of each plugin that failed."""
        lines = []
        for offered in self.commands:
            alone = offered.name not in own and sum(other.name == offered.name for other in self.commands) == 1
            conflict = "is dmlcore's own" if offered.name in own else "is ambiguous"
            about, source = offered.command.get_short_help_str(), offered.plugin.source
            owner = "" if alone else f" ({offered.name!r} {conflict})"
            lines.append((offered.name if alone else offered.full_name, f"{about}  [{source.distribution}]{owner}"))
        return [*lines, *((plugin.source.key, f"failed: {plugin.reason}") for plugin in self.failed)]


def offered_commands() -> OfferedCommands:
    """Loads every plugin, including the built-in ones."""
    commands: list[OfferedCommand] = []
    failed: list[FailedPlugin] = []
    for plugin in installed_plugins():
        if disabler(plugin.source, disabled_by_environment()):
            continue
        loaded = load_commands(plugin)
        if isinstance(loaded, FailedPlugin):
            failed.append(loaded)
        else:
            commands += [OfferedCommand(command, plugin) for command in loaded]
    return OfferedCommands(tuple(commands), tuple(failed))
