// Package cli is the command line: one file a subcommand, each parses flags,
// calls and prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes of the contract. Only Main turns errors into them.
const (
	exitFine       = 0
	exitFindings   = 1
	exitUsage      = 2
	exitConfig     = 3
	exitAddress    = 4
	exitPermission = 5
	exitNoDoor     = 6
	exitDamaged    = 7
)

// coded is an error with the exit code it means. An empty one was printed
// already.
type coded struct {
	code int
	err  error
}

func (e *coded) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *coded) Unwrap() error { return e.err }

// failWith gives an error an exit code.
func failWith(code int, err error) error { return &coded{code, err} }

// Streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs the command line and gives the exit code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, streams{os.Stdin, os.Stdout, os.Stderr})
}

func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitFine
	}
	if codeOf(err) == exitFine { // of cobra, which could not make sense of the command line
		err = failWith(exitUsage, fmt.Errorf("%w (see %s --help)", err, command.CommandPath()))
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(s.err, "fanlight: "+visible(text))
	}
	return codeOf(err)
}

// Groups of commands in the help.
const (
	finding = "finding"
	serving = "serving"
)

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "fanlight",
		Short: "The HTTPS front door you can see through",
		Long: `fanlight serves HTTPS sites on exact addresses, fronts HTTPS origins, and can
say of every connection what happened, who closed it, why, and what to change.`,
		Example: `  fanlight probe https://shop.test/                  a URL fails: try it step by step
  fanlight why 7Q2MXK4HTA                            an answer has that id in Fanlight-Incident
  fanlight trace bad.pcapng --keys sslkeys.log       there is a capture
  fanlight compare good.pcapng bad.pcapng            one works and one fails
  fanlight explain --log /var/log/nginx/error.log    there is only another program's log
  fanlight explain keepalive-race                    what a finding means, and what to change`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(&cobra.Group{ID: finding, Title: "Say what went wrong:"}, &cobra.Group{ID: serving, Title: "Serve:"})
	root.SetHelpCommandGroupID(serving)
	for _, make := range commands {
		c := make(s)
		c.GroupID = serving
		if slices.Contains([]string{"capture", "compare", "explain", "probe", "trace", "waf", "why"}, c.Name()) {
			c.GroupID = finding
		}
		codeErrors(c)
		root.AddCommand(c)
	}
	return root
}

// codeErrors gives a code to every error that a command and those under it
// return, so that an error without one is about the command line.
func codeErrors(c *cobra.Command) {
	if act := c.RunE; act != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			err := act(c, args)
			if err != nil && codeOf(err) == exitFine {
				return failWith(exitFindings, err)
			}
			return err
		}
	}
	for _, sub := range c.Commands() {
		codeErrors(sub)
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}

// codeOf is the code an error was given, exitFine if none.
func codeOf(err error) int {
	var c *coded
	if errors.As(err, &c) {
		return c.code
	}
	return exitFine
}
