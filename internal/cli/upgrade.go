package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func upgradeCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	c := &cobra.Command{
		Use:   "upgrade",
		Short: "Have the running door replaced by its program as it is on disk now",
		Long: `Have the running door start its program anew, as it is on disk now, with the
same arguments. The new process reads the configuration, takes the listening
sockets over and proves that it can serve everything that is served now; only
then the old one stops accepting. If the new one fails, the old one goes on.

No connection is refused or cut off: the old process answers what its clients
still ask, each connection ends with its next response, and it keeps WebSockets
and other tunnels until they end (at most limits.hand_over, 24 hours).

SIGUSR2 does the same. A new program can also be started by hand: fanlight run
--take-over. Linux only.`,
		Example: "  install -m 755 new/fanlight /usr/local/bin/fanlight && fanlight upgrade",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			var items []json.RawMessage
			if err := client.Change(c.Context(), http.MethodPost, "/api/upgrade", nil, &items); err != nil {
				return doorError(err)
			}
			return printUpgrade(s, output, items)
		},
	}
	door.add(c)
	output.add(c)
	return c
}

func printUpgrade(s streams, output outputFlags, items []json.RawMessage) error {
	if output.asked() {
		var all []any
		for _, raw := range items {
			all = append(all, raw)
		}
		printItems(s.out, output.jsonl, all)
		return nil
	}
	for _, raw := range items {
		var done struct {
			PID, Before, Exchanges, Tunnels, Idle int
			Version                               string
		}
		if err := json.Unmarshal(raw, &done); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		fmt.Fprintf(s.out, "process %d serves now (version %s)\n", done.PID, done.Version)
		fmt.Fprintf(s.out, "process %d ends when its last connection does: %d exchanges, %d tunnels, %d idle\n", done.Before, done.Exchanges, done.Tunnels, done.Idle)
	}
	return nil
}

// again gives the command that starts this program anew to take over. The
// program is found where it was started from, although another file may be there
// by then.
func again() func() (*exec.Cmd, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	args := slices.DeleteFunc(slices.Clone(os.Args[1:]), func(arg string) bool { return arg == "--take-over" })
	return func() (*exec.Cmd, error) {
		if err != nil {
			return nil, fmt.Errorf("find the program: %w", err)
		}
		cmd := exec.Command(path, append(args, "--take-over")...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd, nil
	}
}
