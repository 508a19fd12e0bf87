package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	if len(captures) > 0 {
		if seen, err = f.capture(ctx, s, captures); err != nil {
			return err
		}
	}
	w := newLogView(s, output, f.all, seen)
	var faults []error
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

// seenTrace is what captures show, and what was found in it.
type seenTrace struct {
	trace *flow.Trace
	found []explain.Finding
}

// capture reads captures for the lines to be tied to.
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
	if _, err := trace.print(ctx, s, view, captures, ""); err != nil && codeOf(err) != exitDamaged {
		return nil, err
	} else if err != nil && view.summary.Connections == 0 {
		return nil, err
	} else if err != nil {
		fmt.Fprintf(s.err, "fanlight: %s\n", visible(err.Error()))
	}
	return &seenTrace{&view.kept.Trace, view.found}, nil
}

// silent prints nothing of a capture.
type silent struct{}

func (silent) exchange(*flow.Conn, *flow.Exchange)     {}
func (silent) conn(*flow.Conn)                         {}
func (silent) findings([]explain.Finding, *flow.Trace) {}
func (silent) summary(flow.SummaryRecord)              {}

// findings are those about what a line is tied to: its exchanges, a connection
// as a whole, or an origin connection made for it.
func (t *seenTrace) findings(tie foreignlog.Tie) (out []explain.Finding) {
	conns := []flow.ConnID{tie.Conn, tie.Origin}
	for _, c := range t.trace.Children(tie.Conn) {
		conns = append(conns, c.ID)
	}
	for _, f := range t.found {
		if !f.Undecided && t.about(f, tie, conns) {
			out = append(out, f)
		}
	}
	return out
}

// about: a finding that names exchanges is about these alone, and about those
// made for them.
func (t *seenTrace) about(f explain.Finding, tie foreignlog.Tie, conns []flow.ConnID) bool {
	if tie.Exchange == 0 || len(f.Exchanges) == 0 {
		return slices.ContainsFunc(f.Conns, func(c flow.ConnID) bool { return c != 0 && slices.Contains(conns, c) })
	}
	return slices.ContainsFunc(f.Exchanges, func(id flow.ExchangeID) bool {
		x := t.trace.Exchange(id)
		return id == tie.Exchange || id == tie.OriginExchange || x != nil && x.Parent == tie.Exchange
	})
}

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
