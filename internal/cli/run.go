package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/config"
	"fanlight/internal/explain"
)

func runCommand(s streams) *cobra.Command {
	var path, recordTo string
	var capture captureOn
	var secrets, watch, takeOver bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the front door and the console",
		Long: `Run the front door and the console until it is told to end (Ctrl-C or SIGTERM);
open exchanges may finish then. SIGHUP has it read its configuration again, as
fanlight reload does, and --watch does so whenever one of its files changes.

Ended exchanges are printed to stdout as JSON lines (access_log in the
configuration says otherwise); what else there is to say goes to stderr.

With --capture-on-finding the last 30 seconds of packets (at most 64 MiB) stay
in memory, and the TLS secrets of the door's own handshakes with them. When a
finding appears, its connections go into a file in captures below the data
folder, which trace and Wireshark can decrypt: whoever has it reads all that
passed. The last 20 files stay. Linux only; it needs CAP_NET_RAW.`,
		Example: "  fanlight run\n  fanlight run -c fanlight.yaml --record-to records.jsonl\n  fanlight run --capture-on-finding=error",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			if cfg.Recording.Off && recordTo != "" {
				return failWith(exitUsage, fmt.Errorf("record to %s: recording is off in %s", recordTo, path))
			}
			if cfg.Recording.Off && capture.severity != nil {
				return failWith(exitUsage, fmt.Errorf("capture on findings: recording is off in %s, and without it there are none", path))
			}
			return runDoor(c.Context(), s, cfg, app.Options{RecordTo: recordTo, Secrets: secrets, Version: version(), CaptureOn: capture.severity, Watch: watch, TakeOver: takeOver, Upgrade: again()})
		},
	}
	c.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration `file`")
	c.Flags().StringVar(&recordTo, "record-to", "", "write connections, exchanges and findings as JSON lines to a `file`")
	c.Flags().Var(&capture, "capture-on-finding", "keep packets, and write them when a finding of this `severity` or above appears")
	c.Flags().Lookup("capture-on-finding").NoOptDefVal = explain.Warning.String()
	c.Flags().BoolVar(&takeOver, "take-over", false, "go on in the place of the running door, without a refused connection")
	c.Flags().BoolVar(&watch, "watch", false, "reload when a file of the configuration changes")
	c.Flags().BoolVar(&secrets, "with-secrets", false, "write credentials and cookies in clear")
	return c
}

// captureOn is the value of --capture-on-finding; nil: the flag was not given.
type captureOn struct{ severity *explain.Severity }

func (c *captureOn) Set(text string) error {
	severity, ok := explain.ParseSeverity(text)
	if !ok {
		return errors.New("expected error, warning or note")
	}
	c.severity = &severity
	return nil
}

func (c *captureOn) String() string {
	if c.severity == nil {
		return ""
	}
	return c.severity.String()
}

func (c *captureOn) Type() string { return "severity" }

func runDoor(ctx context.Context, s streams, cfg *config.Config, opts app.Options) error {
	signal.Ignore(syscall.SIGPIPE) // a reader of the access log that ends must not end the door
	var given *orders
	if !opts.Ephemeral {
		given = takeOrders()
		defer given.end()
	}
	warn(s.err, cfg.Warnings())
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
		var failed *app.StartError
		if errors.As(err, &failed) && failed.Whole {
			door.Shutdown(ctx)
			return failWith(startCode(failed.Fault), &withFixes{failed.Err})
		}
		reportFailed(s, cfg, failed.Err)
	}
	printStart(s, door)
	if !opts.Ephemeral {
		go given.follow(ctx, door)
	}
	select {
	case <-ctx.Done():
	case <-door.HandedOver():
		fmt.Fprintln(s.err, "another process serves now; this one ends with its last connection")
		door.Linger(ctx)
	}
	fmt.Fprintln(s.err, "shutting down; open exchanges may finish (once more: end now)")
	again, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	door.Shutdown(again)
	return nil
}

func startCode(f app.StartFault) int {
	switch f {
	case app.PermissionFault:
		return exitPermission
	case app.AddressFault:
		return exitAddress
	}
	return exitConfig
}

// reportFailed prints why sites could not be started, but not what was printed
// as a fault of the configuration.
func reportFailed(s streams, cfg *config.Config, err error) {
	for _, e := range flatten(err) {
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
	for _, st := range door.Standing() {
		state := st.State
		if state == "failed" {
			state = "FAILED"
		}
		fmt.Fprintf(s.err, "%-8s %s\n", state, st.Name)
		for _, u := range st.URLs {
			fmt.Fprintf(s.err, "         %s\n", u)
		}
	}
	if url := door.ConsoleURL(); url != "" {
		fmt.Fprintf(s.err, "console  %s\n", url)
	}
}
