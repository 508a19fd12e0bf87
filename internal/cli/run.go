package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	bindlist "fanlight/internal/bind"
	"fanlight/internal/config"
	"fanlight/internal/machine"
	"fanlight/internal/site"
)

func runCommand(s streams) *cobra.Command {
	var path, recordTo string
	var secrets bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the front door and the console",
		Long: `Run the front door and the console until it is told to end (Ctrl-C or SIGTERM);
open exchanges may finish then.

Ended exchanges are printed to stdout as JSON lines (access_log in the
configuration says otherwise); what else there is to say goes to stderr.`,
		Example: "  fanlight run\n  fanlight run -c fanlight.yaml --record-to records.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			return runDoor(c.Context(), s, cfg, app.Options{RecordTo: recordTo, Secrets: secrets, Version: version()})
		},
	}
	c.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration `file`")
	c.Flags().StringVar(&recordTo, "record-to", "", "write connections, exchanges and findings as JSON lines to a `file`")
	c.Flags().BoolVar(&secrets, "with-secrets", false, "write credentials and cookies in clear")
	return c
}

func runDoor(ctx context.Context, s streams, cfg *config.Config, opts app.Options) error {
	warn(s.err, cfg)
	for i := range cfg.Faults {
		fmt.Fprintf(s.err, "site %s failed: %s\n", cfg.Faults[i].Site, cfg.Faults[i].Report())
	}
	opts.Log = slog.New(slog.NewTextHandler(s.err, nil))
	if f, ok := s.out.(*os.File); ok {
		opts.Access = f
	}
	door, err := app.New(cfg, opts)
	if err != nil {
		return failWith(exitConfig, err)
	}
	if err := door.Start(); err != nil {
		if whole := (*app.StartError)(nil); errors.As(err, &whole) || nothingServes(door) {
			door.Shutdown(ctx)
			return failWith(startCode(err), &withFixes{err})
		}
		reportFailed(s, cfg, err)
	}
	printStart(s, door)
	<-ctx.Done()
	fmt.Fprintln(s.err, "shutting down; open exchanges may finish")
	door.Shutdown(context.WithoutCancel(ctx))
	return nil
}

// nothingServes reports that no site is up although one should be.
func nothingServes(door *app.App) bool {
	failed := 0
	for _, st := range door.Sites().All() {
		switch st.State() {
		case site.Failed:
			failed++
		default:
			return false
		}
	}
	return failed > 0
}

// startCode tells a fault of an address from one of a permission or of the
// configuration.
func startCode(err error) int {
	var bind *machine.BindError
	var outside *bindlist.NotAllowedError
	switch {
	case errors.As(err, &bind) && bind.Cause == machine.NotPermitted, errors.Is(err, os.ErrPermission):
		return exitPermission
	case errors.As(err, &bind), errors.As(err, &outside), errors.Is(err, syscall.EADDRINUSE):
		return exitAddress
	}
	return exitConfig
}

// reportFailed prints why sites could not be started, but not what was printed
// as a fault of the configuration.
func reportFailed(s streams, cfg *config.Config, err error) {
	all := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	for _, e := range all {
		known := false
		for i := range cfg.Faults {
			known = known || strings.Contains(e.Error(), cfg.Faults[i].Error())
		}
		if !known {
			fmt.Fprintln(s.err, &withFixes{e})
		}
	}
}

func printStart(s streams, door *app.App) {
	for _, st := range door.Sites().All() {
		mark := map[site.State]string{site.Serving: "serving", site.Failed: "FAILED"}[st.State()]
		if mark == "" {
			mark = st.State().String()
		}
		fmt.Fprintf(s.err, "%-8s %s\n", mark, st.Name)
		for _, b := range st.Bindings {
			fmt.Fprintf(s.err, "         %s\n", bindingURL(b))
		}
	}
	if url := door.ConsoleURL(); url != "" {
		fmt.Fprintf(s.err, "console  %s\n", url)
	}
}

// bindingURL is what a person can open.
func bindingURL(b site.Binding) string {
	scheme, usual := "https://", uint16(443)
	if b.Plain {
		scheme, usual = "http://", 80
	}
	port := ""
	if b.Addr.Port() != usual {
		port = fmt.Sprintf(":%d", b.Addr.Port())
	}
	if len(b.Names) == 0 {
		return scheme + b.Addr.String()
	}
	urls := make([]string, len(b.Names))
	for i, n := range b.Names {
		urls[i] = scheme + n + port
	}
	return strings.Join(urls, "  ") + "  on " + b.Addr.String()
}
