package cli

import "github.com/spf13/cobra"

// commands lists the subcommands in the order of the help.
var commands = []func(streams) *cobra.Command{
	runCommand,
	checkCommand,
	importCommand,
	reloadCommand,
	upgradeCommand,
	traceCommand,
	captureCommand,
	probeCommand,
	portsCommand,
	compareCommand,
	explainCommand,
	devCommand,
	trustCommand,
	sitesCommand,
	originsCommand,
	addressesCommand,
	whyCommand,
	wafCommand,
}
