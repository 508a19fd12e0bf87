package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/foreignlog"
)

// logFlags are the flags of explain that are about logs.
type logFlags struct {
	files  []string
	format string
	layout string
	zone   string
	all    bool
	keys   dissect.KeyFiles
}

func (f *logFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringArrayVar(&f.files, "log", nil, "say what the failing lines of this log mean (- is standard input; gzip is read)")
	flags.StringVar(&f.format, "format", "", "format of the log, if it is not recognised; help lists them")
	flags.StringVar(&f.layout, "log-format", "", "log_format of nginx, if it is one of your own: '$remote_addr [$time_local] ...'")
	flags.StringVar(&f.zone, "zone", "", "time zone of logs that do not say theirs (Europe/Berlin, +02:00); default UTC")
	flags.BoolVar(&f.all, "all", false, "print every line of the log, not only those that tell of a fault")
	flags.StringArrayVar(&f.keys.Logs, "keys", nil, "key log that opens TLS in the captures given with --log")
	flags.StringArrayVar(&f.keys.RSA, "rsa-key", nil, "private key of the server, PEM or DER; opens RSA key exchange only")
	flags.StringArrayVar(&f.keys.PFX, "pfx", nil, "private key of the server in a PFX file")
	flags.StringVar(&f.keys.PasswordFile, "pfx-password-file", "", "file with the password of the PFX files")
}

// check refuses captures and flags that only --log gives a meaning.
func (f *logFlags) check(c *cobra.Command, args []string) error {
	if f.asked() {
		return nil
	}
	for _, name := range []string{"format", "log-format", "zone", "all", "keys", "rsa-key", "pfx", "pfx-password-file"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s: name the log with --log FILE", name)
		}
	}
	return cobra.MaximumNArgs(1)(c, args)
}

// asked tells that explain is to read a log.
func (f *logFlags) asked() bool { return len(f.files) > 0 || f.format == "help" }

func (f *logFlags) explain(ctx context.Context, s streams, output outputFlags, captures []string) error {
	if f.format == "help" {
		for _, row := range foreignlog.Formats() {
			fmt.Fprintf(s.out, "%-13s %s\n", row[0], row[1])
		}
		return nil
	}
	options, err := f.options()
	if err != nil {
		return failWith(exitUsage, err)
	}
	var seen *seenTrace
	var faults []error
	if len(captures) > 0 {
		if seen, err = f.capture(ctx, s, captures); seen == nil {
			return err
		}
		faults = append(faults, err)
	}
	w := newLogView(s, output, f.all, seen)
	for _, path := range f.files {
		if err := w.file(ctx, path, options); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(append(faults, w.end())...)
}

func (f *logFlags) options() (o foreignlog.Options, err error) {
	o = foreignlog.Options{Format: f.format, Layout: f.layout}
	if f.zone == "" {
		return o, nil
	}
	if at, err := time.Parse("-07:00", f.zone); err == nil {
		_, seconds := at.Zone()
		o.Zone = time.FixedZone(f.zone, seconds)
		return o, nil
	}
	if o.Zone, err = time.LoadLocation(f.zone); err != nil {
		return o, fmt.Errorf("--zone %s: expected a name such as Europe/Berlin, or an offset such as +02:00", f.zone)
	}
	return o, nil
}

// capture reads captures for the lines to be tied to. With an error it gives
// what could be read, nil if that is nothing.
func (f *logFlags) capture(ctx context.Context, s streams, captures []string) (*seenTrace, error) {
	for _, path := range f.files {
		if !rereadable(path) {
			return nil, failWith(exitUsage, fmt.Errorf("--log beside a capture is read twice, which %s does not allow", inputName(path)))
		}
	}
	trace := traceFlags{keys: f.keys}
	view, err := trace.view(s)
	if err != nil {
		return nil, failWith(exitUsage, err)
	}
	view.print, view.out = silent{}, bufio.NewWriter(io.Discard)
	if _, err = trace.print(ctx, s, view, captures, ""); err != nil && view.summary.Connections == 0 {
		return nil, err
	}
	return newSeenTrace(&view.kept.Trace, view.found), err
}

// silent prints nothing of a capture.
type silent struct{}

func (silent) exchange(*flow.Conn, *flow.Exchange)     {}
func (silent) conn(*flow.Conn)                         {}
func (silent) findings([]explain.Finding, *flow.Trace) {}
func (silent) summary(flow.SummaryRecord)              {}

// openLog opens a log; - is standard input.
func openLog(path string, stdin io.Reader, o foreignlog.Options) (*foreignlog.Reader, io.Closer, error) {
	in, closer := stdin, io.Closer(io.NopCloser(nil))
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, openFault(err)
		}
		in, closer = f, f
	}
	r, err := foreignlog.NewReader(in, o)
	if err != nil {
		closer.Close()
		code := exitDamaged
		if strings.HasPrefix(err.Error(), "format ") {
			code = exitUsage
		}
		return nil, nil, failWith(code, fmt.Errorf("%s: %w", inputName(path), err))
	}
	return r, closer, nil
}
